# SPDX-License-Identifier: BSD-2-Clause
# A controller is reset again and again while verified I/O goes on.

target() { nvmfd -gG "file:$(store ns1 64M)"; }

inside() {
	ok 'nvme connect' connect -g -G
	may_say 'resetting controller' 'failed to send request -32' "${WITHOUT_PATH[@]}"
	background verify "$(device 1)" --size=32M --bssplit=4k/70:64k/30 --rate_iops=800
	for round in 1 2 3 4 5; do
		sleep 0.5
		ok "nvme reset, round $round" nvme reset /dev/nvme0
		is '... live again' "$(controllers live)" 1
	done
	ok '... under I/O, until here' kill -0 $!
	ended 'fio verifies'
	ok 'nvme disconnect' disconnect
}
