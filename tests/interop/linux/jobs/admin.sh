# SPDX-License-Identifier: BSD-2-Clause
# nvme-cli's view of the controller and of its namespaces.

target() { nvmfd ramdisk:64M "file:$(store ns2 32M)?bs=512"; }

inside() {
	local ctrl=/dev/nvme0 first second before uuid
	ok 'nvme connect' connect
	first=$(device 1) second=$(device 2)

	is 'id-ctrl: the NQN' "$(get subnqn id-ctrl $ctrl)" $NQN
	is 'id-ctrl: an I/O controller' "$(get cntrltype id-ctrl $ctrl)" 1
	ok 'id-ctrl: room for both namespaces' test "$(get nn id-ctrl $ctrl)" -ge 2
	is 'id-ctrl: a write cache, for which hosts send Flush' $(($(get vwc id-ctrl $ctrl) & 1)) 1
	ok 'id-ctrl: several controllers may share a namespace' test $(($(get cmic id-ctrl $ctrl) & 2)) = 2
	is 'show-regs: ready' "$(($(get csts show-regs $ctrl) & 1))" 1

	is 'list-ns' "$(nvme list-ns $ctrl | cut -d: -f2 | xargs)" '0x1 0x2'
	is 'id-ns: blocks of the first' "$(get nsze id-ns "$first")" $((64 << 11))
	is 'id-ns: blocks of the second' "$(get nsze id-ns "$second")" $((32 << 11))
	is 'nvme list shows both' "$(nvme list | grep -c '^/dev/nvme')" 2
	ok 'ns-descs' nvme ns-descs "$first"
	uuid=$(nvme ns-descs "$first" "$second" | grep -i uuid)
	ok 'the namespaces have UUIDs' grep -qi '[1-9a-f]' <<<"${uuid#*:}"
	ok '... which differ' test "$(nvme ns-descs "$first")" != "$(nvme ns-descs "$second")"

	before=$(get host_write_commands smart-log $ctrl)
	ok 'smart-log' nvme smart-log $ctrl
	ok 'eight writes' dd if=/dev/zero of="$first" bs=64k count=8 oflag=direct
	is '... are counted' $(($(get host_write_commands smart-log $ctrl) - before)) 8
	is '... with their data, in thousands of 512 bytes' "$(get data_units_written smart-log $ctrl)" 2
	ok 'error-log' nvme error-log $ctrl -e 1
	ok 'fw-log' nvme fw-log $ctrl
	[ $PEER = nvmet ] || is '... slot 1 is active' "$(nvme fw-log $ctrl -b | od -An -tu1 -N1 | xargs)" 1
	ok 'get-feature: number of queues' nvme get-feature $ctrl -f 7
	ok 'get-feature: keep alive timer' nvme get-feature $ctrl -f 0xf

	head -c 384K /dev/urandom >/tmp/data
	ok 'one write of 384 KiB' nvme write "$first" -s 8 -c 767 -z 393216 -d /tmp/data
	ok 'flush' nvme flush "$first"
	ok 'one read of 384 KiB' nvme read "$first" -s 8 -c 767 -z 393216 -d /tmp/copy
	ok '... the same data' cmp /tmp/data /tmp/copy
	nvme read "$second" -s 65535 -c 1 -z 1024 -d /tmp/copy >/tmp/out 2>&1
	# The kernel's target: Internal Error.
	[ $PEER = nvmet ] || ok 'a read across the end is out of range' grep -qi 'LBA Out of Range' /tmp/out
	ok 'nvme ns-rescan' nvme ns-rescan $ctrl
	ok 'nvme disconnect' disconnect
}
