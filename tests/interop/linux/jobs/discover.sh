# SPDX-License-Identifier: BSD-2-Clause
# The discovery controller tells the host the address that the host came to, on
# the discovery port and on the I/O port.

target() { nvmfd ramdisk:16M; }

records() { # of a discovery log: what identifies each
	python3 -c 'import json, sys
for r in json.load(sys.stdin)["records"]:
    print(*(r[k] for k in ("subnqn", "subtype", "trtype", "adrfam", "traddr", "trsvcid")))'
}

inside() {
	local port
	for port in "$DPORT" "$PORT"; do
		ok "nvme discover, port $port" eval "nvme discover -t tcp -a $ADDRESS -s $port -o json >/tmp/log"
		is '... the subsystem, at the address that was asked' \
			"$(records </tmp/log | grep -v discovery)" "$NQN nvme subsystem tcp ipv4 $TOLD $PORT"
	done

	# Behind QEMU's address translation the host is told an address of no use to it.
	if [ "$TOLD" = "$ADDRESS" ]; then
		ok 'nvme connect-all finds the subsystem' nvme connect-all -t tcp -a "$ADDRESS" -s "$DPORT"
		is '... and one controller is live' "$(controllers live)" 1
		ok '... nvme disconnect' disconnect
	fi

	ok 'a discovery controller can stay connected' \
		nvme discover -t tcp -a "$ADDRESS" -s "$DPORT" --persistent --keep-alive-tmo=1
	sleep 3
	is '... past its keep alive timeout' "$(cat /sys/class/nvme/nvme*/state)" live
	ok '... nvme disconnect-all' nvme disconnect-all
	# Of the last one, which the end of the connection cuts short.
	may_say 'failed nvme_keep_alive_end_io'
}
