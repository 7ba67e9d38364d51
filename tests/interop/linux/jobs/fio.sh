# SPDX-License-Identifier: BSD-2-Clause
# fio verifies what it wrote, at several sizes, depths and alignments.

target() { nvmfd -gG ramdisk:64M "file:$(store ns2 64M)?bs=512" 'ramdisk:64M?bs=4096'; }

inside() {
	ok 'nvme connect' connect "$@"
	local nsid device
	for nsid in 1 2; do
		device=$(device $nsid)
		ok "namespace $nsid, 512 B, depth 1" verify "$device" --bs=512 --iodepth=1 --size=512k
		ok "namespace $nsid, 512 B, depth 64" verify "$device" --bs=512 --iodepth=64 --size=2M
		ok "namespace $nsid, 4 KiB, depth 128" verify "$device" --bs=4k --iodepth=128 --size=8M
		ok "namespace $nsid, 64 KiB, depth 16" verify "$device" --bs=64k --iodepth=16 --size=24M
		ok "namespace $nsid, 1 MiB, depth 4" verify "$device" --bs=1M --iodepth=4 --size=24M
		ok "namespace $nsid, unaligned mix by io_uring" verify "$device" --ioengine=io_uring --iodepth=32 \
			--offset=1536 --size=12M --bssplit=512/30:1536/20:4k/20:17k/15:99k/10:516k/5
		ok "namespace $nsid, readers beside writers" verify "$device" --rw=randrw --bsrange=512-128k --iodepth=16 --size=8M
	done
	device=$(device 3)
	is 'namespace 3, blocks of 4 KiB' "$(blockdev --getss "$device")" $([ $PEER = nvmet ] && echo 512 || echo 4096)
	ok '... mixed sizes' verify "$device" --bssplit=4k/50:20k/30:132k/20 --iodepth=32 --size=12M
	ok 'nvme disconnect' disconnect
}

outside() {
	[ $PEER = nvmet ] || target
	ok_guest inside
	ok_guest inside -g -G
}
