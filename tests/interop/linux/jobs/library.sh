# SPDX-License-Identifier: BSD-2-Clause
# A target of a hundred lines on libnvmf, examples/target, in the place of nvmfd.

target() { nvmfd ramdisk:256M; }

start_daemon() {
	local address=0.0.0.0
	[ ! "$LISTEN" ] || address=127.0.0.1
	as_user "$NVMFD" $address "$PORT" "$NQN" 256 >>"$WORK/nvmfd.log" 2>&1 &
	daemon=$!
	within 60 daemon_listens || ! result 'not ok' 'the example starts'
}

tree=$(echo /usr/lib/python3.*)	# hundreds of small files

inside() {
	ok 'nvme discover' eval "nvme discover -t tcp -a $ADDRESS -s $PORT | grep -q $NQN"
	ok 'nvme connect' connect
	local device=$(device 1)
	ok '... fio verifies' verify "$device" --size=64M
	ok '... mkfs.ext4' mkfs.ext4 -q "$device"
	ok '... mount' mount "$device" /mnt
	ok '... copy a tree' cp -a $tree /mnt/
	ok '... umount' umount /mnt
	ok '... fsck finds nothing' fsck.ext4 -fn "$device"
	ok '... mount' mount "$device" /mnt
	ok '... the tree is the same' diff -r --no-dereference $tree "/mnt/${tree##*/}"
	ok '... umount' umount /mnt
	ok '... nvme disconnect' disconnect
}
