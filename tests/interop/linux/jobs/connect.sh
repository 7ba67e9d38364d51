# SPDX-License-Identifier: BSD-2-Clause
# Connects with 1 and 4 queues, with every mix of digests and without SQ flow
# control, and carries I/O over each queue.

target() { nvmfd -FgG ramdisk:64M; }

# Bytes of each connection to the target, one a line.
traffic() {
	ss -HtniO state established dst "$ADDRESS" dport "$PORT" | awk '{
		bytes = 0
		for (i = 1; i <= NF; i++)
			if (split($i, word, ":") == 2 && word[1] ~ /^bytes_(acked|received)$/)
				bytes += word[2]
		print bytes
	}'
}

inside() {
	local options queues
	for options in '' -g -G '-g -G' --disable-sqflow '--disable-sqflow -g -G'; do
		for queues in 1 4; do
			ok "nvme connect -i $queues $options" connect -i $queues $options
			is '... as many connections as queues, and one' "$(traffic | wc -l)" $((queues + 1))
			ok '... fio verifies, from each CPU' verify "$(device 1)" \
				--size=2M --numjobs=4 --offset_increment=2M --cpus_allowed=0-3 --cpus_allowed_policy=split
			is '... each queue carried its part' "$(traffic | awk '$1 > 4000000' | wc -l)" $queues
			ok '... nvme disconnect' disconnect
		done
	done
}
