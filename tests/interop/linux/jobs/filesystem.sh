# SPDX-License-Identifier: BSD-2-Clause
# A filesystem is made, filled, checked, and found again after a reconnect.

target() { nvmfd ramdisk:256M "file:$(store ns2 256M)"; }

tree=$(echo /usr/lib/python3.*)	# hundreds of small files

inside() {
	local nsid device
	for nsid in 1 2; do
		ok "nvme connect, for namespace $nsid" connect
		device=$(device $nsid)
		ok '... mkfs.ext4' mkfs.ext4 -q "$device"
		ok '... mount' mount "$device" /mnt
		ok '... copy a tree' cp -a $tree /usr/bin /mnt/
		ok '... sync' sync -f /mnt
		ok '... umount' umount /mnt
		ok '... nvme disconnect' disconnect
		ok '... nvme connect again' connect
		device=$(device $nsid)
		ok '... fsck finds nothing' fsck.ext4 -fn "$device"
		ok '... mount' mount "$device" /mnt
		ok '... the tree is the same' diff -r --no-dereference $tree "/mnt/${tree##*/}"
		ok '... and so are large files' diff -r --no-dereference /usr/bin /mnt/bin
		ok '... umount' umount /mnt
		ok '... nvme disconnect' disconnect
	done
}
