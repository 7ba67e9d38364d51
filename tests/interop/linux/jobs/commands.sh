# SPDX-License-Identifier: BSD-2-Clause
# What a Linux host sends besides reads and writes: zeroes, deallocation, comparisons, copies;
# by nvme-cli, by the block layer, by a file system, and by io_uring past all of them.
# Each is done to a copy of the data as well, and the two compared.  What is given
# back is measured on the machine: blocks of the file, memory of nvmfd.
#
# The kernel's target has neither Compare nor Verify, and no read-only namespaces.

target() {
	NVMFCTL=$(dirname "$NVMFD")/../tools/nvmfctl/nvmfctl
	nvmfd --rpc-socket="$WORK/store/rpc" ramdisk:64M "file:$(store ns2 48M)" "file:$(store ns3 8M)?ro" "file:$(store answers 1M)" \
		'error:read=EIO&offset=1M&length=64K/ramdisk:2M'
}

# --- on the machine ------------------------------------------------------------------------

blocks_of() { stat -c %b "$WORK/store/$1"; }	# of 512 bytes

memory() { awk '/^VmRSS/ { print $2 / 1024 }' /proc/$daemon/status | cut -d. -f1; }	# MiB

grow() { # FILE DEVICE
	truncate -s 64M "$WORK/store/$1"
	change device rescan $2
}

change() { # WORD...: of nvmfctl
	"$NVMFCTL" -s "$WORK/store/rpc" "$@" || result 'not ok' "nvmfctl $*"
}

# --- in the guest ---------------------------------------------------------------------------

# The kernel's target answers Internal Error to what is out of range.
fails_beyond() { ! beyond_nvmet || fails 'LBA Out of Range' "$@"; }

# fails STATUS DESCRIPTION COMMAND...: nvme-cli reports this status of the target's.
fails() {
	local status=$1 what=$2
	shift 2
	"$@" >/tmp/failure 2>&1
	ok "$what: $status" grep -qi "status: $status" /tmp/failure || comment </tmp/failure
}

beyond_nvmet() { [ $PEER != nvmet ]; }

# The copy, of the first MiB: what is done to the device is done to it.
COPY=/tmp/copy

begin() { # DEVICE
	head -c 1M /dev/urandom >$COPY
	dd if=$COPY of="$1" bs=64k oflag=direct 2>/dev/null
}

# zeroed BLOCK COUNT: of the copy; $BLOCK is the size of one
zeroed() { dd if=/dev/zero of=$COPY bs=$BLOCK seek=$1 count=$2 conv=notrunc 2>/dev/null; }

same() { # DEVICE DESCRIPTION
	ok "$2" cmp $COPY <(dd if="$1" bs=64k count=16 iflag=direct 2>/dev/null)
}

identify() {
	local device=$1 ctrl=/dev/nvme0 queue=/sys/block/${1#/dev/}/queue oncs
	oncs=$(get oncs id-ctrl $ctrl)
	ok 'id-ctrl: it deallocates and writes zeroes' test $((oncs & 0xc)) = 12
	ok 'the block layer may discard' test "$(cat $queue/discard_max_bytes)" -gt 0
	ok '... and write zeroes' test "$(cat $queue/write_zeroes_max_bytes)" -gt 0
	beyond_nvmet || return 0
	ok 'id-ctrl: it compares and verifies' test $((oncs & 0x81)) = 129
	is 'id-ns: what is deallocated reads as zeros, also by Write Zeroes' \
		"$(($(get dlfeat id-ns "$device") & 0xf))" 9
}

# What a controller of NVMe 2.1 tells.
decodes() {
	local device=$1 ctrl=/dev/nvme0
	is 'show-regs: NVMe 2.1' "$(get vs show-regs $ctrl)" $((0x20100))
	is 'cmdset-ind-id-ns: ready' "$(($(get nstat cmdset-ind-id-ns "$device") & 1))" 1
	is 'supported-log-pages: what 2.1 demands' \
		"$(nvme supported-log-pages $ctrl -o json | grep -cE '"lid_0x(0|1|2|3|5|12) ":1')" 6
	ok 'effects-log, of the NVM command set' nvme effects-log $ctrl --csi=0
	ok 'fid-support-effects-log: write protection, per namespace' \
		grep -q '^FID 84 -> .* 00100001' <(nvme fid-support-effects-log $ctrl)
	ok 'id-iocs' nvme id-iocs $ctrl
	ok 'nvm-id-ctrl' nvme nvm-id-ctrl $ctrl
}

# By feature 84h, until the host takes it back.
write_protection() {
	local device=$1 ro=/sys/block/${1#/dev/}/ro
	ok 'set-feature: write protection' nvme set-feature "$device" -n 1 -f 0x84 --value=1
	fails 'Namespace is Write Protected' '... nvme write' nvme write "$device" -s 0 -c 0 -z 512 -d $COPY
	fails 'Namespace is Write Protected' '... nvme dsm' nvme dsm "$device" --ad --slbs=0 --blocks=8
	ok '... the kernel hears of it' within 30 grep -qx 1 $ro
	ok '... which ends' nvme set-feature "$device" -n 1 -f 0x84 --value=0
	ok '... the kernel hears of it' within 30 grep -qx 0 $ro
	ok '... nvme write' nvme write "$device" -s 0 -c 0 -z 512 -d $COPY
}

zeroes() {
	local device=$1
	begin "$device"
	ok 'nvme write-zeroes' nvme write-zeroes "$device" -s 1 -c 15
	zeroed 1 16
	same "$device" '... those blocks and no others'
	ok 'nvme write-zeroes --deac' nvme write-zeroes "$device" -s 20 -c 62 -d
	zeroed 20 63
	same "$device" '... those blocks and no others'
	fails_beyond 'nvme write-zeroes across the end' nvme write-zeroes "$device" -s $LAST -c 1
	ok 'nvme dsm of three ranges' nvme dsm "$device" --ad --slbs=90,100,150 --blocks=1,15,42
	zeroed 90 1
	zeroed 100 15
	zeroed 150 42
	same "$device" '... those blocks and no others'
	fails_beyond 'nvme dsm across the end' nvme dsm "$device" --ad --slbs=$LAST --blocks=2
	ok 'nvme dsm that is advice' nvme dsm "$device" --idr --slbs=0 --blocks=256
	same "$device" '... changes nothing'
	ok 'blkdiscard of a part' blkdiscard -o $((200 * BLOCK)) -l $((8 * BLOCK)) "$device"
	zeroed 200 8
	same "$device" '... those blocks and no others'
	ok 'blkdiscard -z of a part' blkdiscard -z -o $((220 * BLOCK)) -l $((9 * BLOCK)) "$device"
	zeroed 220 9
	same "$device" '... those blocks and no others'
}

compare() { # DEVICE BLOCK FILE: 64 blocks
	nvme compare "$1" -s $2 -c 63 -z $((64 * BLOCK)) -d "$3"
}

comparisons() {
	local device=$1 equal=/tmp/equal other=/tmp/other
	begin "$device"
	dd if=$COPY of=$equal bs=$BLOCK skip=16 count=64 2>/dev/null
	{ head -c -1 $equal; tail -c 1 $equal | tr '\0-\377' '\1-\377\0'; } >$other
	ok 'nvme compare' compare "$device" 16 $equal
	fails 'Compare Failure' '... of other blocks' compare "$device" 17 $equal
	fails 'Compare Failure' '... of data whose last byte differs' compare "$device" 16 $other
	nvme error-log /dev/nvme0 -e 1 >/tmp/errors
	ok '... error-log: Compare Failure' grep -qi 'compare failure' /tmp/errors
	is '... at the block that differs' $(($(sed -n 's/^lba[[:space:]]*:[[:space:]]*//p' /tmp/errors))) $((16 + 63))
	fails_beyond '... across the end' compare "$device" $((LAST - 62)) $equal
	ok 'nvme verify' nvme verify "$device" -s 0 -c 255
	ok '... of the last block' nvme verify "$device" -s $LAST -c 0
	fails_beyond '... across the end' nvme verify "$device" -s $LAST -c 1
	same "$device" '... nothing changes'
}

# The data is not sent: the target moves it.
copies() {
	local device=$1 part=/tmp/part
	begin "$device"
	dd if=$COPY of=$part bs=$BLOCK skip=8 count=40 2>/dev/null
	dd if=$part of=$COPY bs=$BLOCK seek=128 conv=notrunc 2>/dev/null
	dd if=$COPY of=$part bs=$BLOCK skip=3 count=1 2>/dev/null
	dd if=$part of=$COPY bs=$BLOCK seek=168 conv=notrunc 2>/dev/null
	ok 'nvme copy of two ranges' nvme copy "$device" -d 128 -s 8,3 -b 39,0 -f 0
	same "$device" '... to those blocks and no others'
	fails 'LBA Out of Range' '... across the end' nvme copy "$device" -d $LAST -s 0 -b 1 -f 0
	fails 'Overlapping' '... onto itself' nvme copy "$device" -d 1 -s 0 -b 1 -f 0
	same "$device" '... nothing changes'
}

# Blocks that nobody can read until they are written.
uncorrectable() {
	local device=$1
	begin "$device"
	may_say 'Read\(0x2\) @ LBA 20, 1 blocks, Unrecovered Read Error' 'critical medium error, dev nvme'
	ok 'nvme write-uncor' nvme write-uncor "$device" -s 16 -c 7
	fails 'Unrecovered Read Error' '... nvme read' nvme read "$device" -s 16 -c 0 -z $BLOCK -d /tmp/read
	ok '... dd fails' eval '! dd if="$device" of=/dev/null bs=$BLOCK skip=20 count=1 iflag=direct 2>/tmp/failure'
	ok '... by EIO or ENODATA' grep -qE 'Input/output error|No data available' /tmp/failure
	ok '... its neighbour can be read' dd if="$device" of=/dev/null bs=$BLOCK skip=24 count=1 iflag=direct
	ok '... they are written' dd if=$COPY of="$device" bs=$BLOCK skip=16 seek=16 count=8 oflag=direct
	same "$device" '... and can be read'
}

# The host's administrator hears of it by a uevent, and by the log; the host goes on.
storage_fails() {
	local device=$1 what
	may_say 'Read\(0x2\) @ LBA 2050, 1 blocks, Unrecovered Read Error'
	for what in 'storage fails' '... fails again, once the log was read'; do
		rm -f /tmp/listens
		background python3 uevents.py 30 /tmp/listens ACTION=change NVME_AEN=0x010400
		within 10 test -e /tmp/listens
		ok "$what: dd" eval '! dd if="$device" of=/dev/null bs=512 skip=2050 count=1 iflag=direct 2>/tmp/failure'
		ended '... a uevent: Transient Internal Error'
		nvme error-log /dev/nvme0 -e 1 >/tmp/errors
		ok '... error-log: Unrecovered Read Error' grep -qi 'unrecovered read error' /tmp/errors
		is '... at that block' $(($(sed -n 's/^lba[[:space:]]*:[[:space:]]*//p' /tmp/errors))) 2050
	done
	is '... the controller is live' "$(cat /sys/class/nvme/nvme0/state)" live
	ok '... what else there is can be read' dd if="$device" of=/dev/null bs=1M count=1 iflag=direct
}

read_only() {
	local device=$1
	fails 'Namespace is Write Protected' 'read-only: nvme write' nvme write "$device" -s 0 -c 0 -z 512 -d $COPY
	fails 'Namespace is Write Protected' 'read-only: nvme write-zeroes' nvme write-zeroes "$device" -s 0 -c 7
	fails 'Namespace is Write Protected' 'read-only: nvme dsm' nvme dsm "$device" --ad --slbs=0 --blocks=8
	ok 'read-only: nvme verify' nvme verify "$device" -s 0 -c 7
	ok 'read-only: nvme compare' nvme compare "$device" -s 0 -c 7 -z 4096 -d <(head -c 4096 /dev/zero)
	is 'read-only: the kernel knows' "$(blockdev --getro "$device")" 1
}

fill() { # DEVICE MIB
	dd if=/tmp/full of="$1" bs=1M count="$2" oflag=direct
}

# The kernel's target does not promise them.
zeros() { # DEVICE MIB
	beyond_nvmet || return 0
	dd if="$1" bs=1M count="$2" iflag=direct 2>/dev/null | cmp -n $(($2 << 20)) - /dev/zero
}

# of the file, which is all zeros at first
gives_back() {
	local device=$1 full
	ok 'the file, written whole' fill "$device" 48
	full=$(ask blocks_of ns2)
	ok "... has all its blocks: $full" test "$full" -ge $((48 << 11))
	ok '... blkdiscard' blkdiscard "$device"
	full=$(ask blocks_of ns2)
	ok "... gives them back: $full are left" test "$full" -le 64
	ok '... and zeros are read' zeros "$device" 48
	ok '... written again' fill "$device" 48
	ok '... blkdiscard -z' blkdiscard -z "$device"
	ok '... and zeros are read' zeros "$device" 48
}

# of the RAM disk
gives_memory_back() {
	local device=$1 full less
	ok 'the RAM disk, written whole' fill "$device" 64
	full=$(ask memory)
	ok '... blkdiscard' blkdiscard "$device"
	less=$(ask memory)
	ok "... gives memory back: $full MiB, then $less" test $((full - less)) -ge 60
	ok '... and zeros are read' zeros "$device" 64
}

filesystem() {
	local device=$1 full less
	ok 'mkfs.ext4, which discards' mkfs.ext4 -q -b 4096 "$device"
	ok '... mount' mount "$device" /mnt
	head -c 8M /dev/urandom >/mnt/kept
	head -c 24M /dev/urandom >/mnt/gone
	cp /mnt/kept /tmp/kept
	sync -f /mnt
	full=$(ask blocks_of ns2)
	rm /mnt/gone
	sync -f /mnt
	ok '... a file of 24 MiB is removed, fstrim' fstrim /mnt
	less=$(ask blocks_of ns2)
	ok "... the file shrinks: $full blocks, then $less" test $((full - less)) -ge $((23 << 11))
	ok '... umount' umount /mnt
	ok '... fsck finds nothing' fsck.ext4 -fn "$device"
	ok '... mount, with discard' mount -o discard "$device" /mnt
	ok '... what stays is right' cmp /tmp/kept /mnt/kept
	rm /mnt/kept
	sync -f /mnt
	ok '... umount' umount /mnt
	full=$(ask blocks_of ns2)
	ok "... and discarded as it goes: $full" test $((less - full)) -ge $((7 << 11))
}

until_told() { # DEVICE: works on it
	until [ -e /tmp/enough ]; do
		verify "$1" --size=8M && blkdiscard -o 16M -l 8M "$1" && blkdiscard -z -o 24M -l 1M "$1" || return
	done
}

# Whoever is told of a change by an asynchronous event acts on it by himself.
hears() {
	local device=$1
	background until_told "$device"
	tell grow ns2 device1
	ok 'the file grows: the host hears of it' within 30 eval '[ $(blockdev --getsize64 "$device") = $((64 << 20)) ]'
	tell change ns add $NQN device0 nsid=9
	ok 'a namespace comes' within 30 has_device 9
	tell change ns set $NQN 9 read-only=yes
	ok '... becomes read-only' within 30 grep -qx 1 /sys/block/"$(basename "$(device 9)")"/ro
	tell change ns remove $NQN 9
	ok '... and goes' within 30 eval '! has_device 9'
	ok '... all under I/O' kill -0 $!
	touch /tmp/enough
	ended '... which was not disturbed'
}

# By io_uring, past the block layer: /dev/ngXnY.
passthrough() {
	local device=/dev/ng${1#/dev/nvme} uring='--ioengine=io_uring_cmd --cmd_type=nvme --direct=0'
	ok 'io_uring: fio verifies' verify "$device" $uring --bs=16k --size=16M
	beyond_nvmet || return 0
	ok '... and has the target compare' verify "$device" $uring --bs=16k --size=16M \
		--verify=pattern --verify_pattern=%o --verify_mode=compare
	ok '... which finds what is changed' nvme write-zeroes "$1" -s $((8 << 20 >> 9)) -c 0
	verify "$device" $uring --bs=16k --size=16M \
		--verify=pattern --verify_pattern=%o --verify_mode=compare --verify_only >/tmp/failure 2>&1
	ok '... as a Compare Failure' grep -q 'sct=0x02; sc=0x85' /tmp/failure
}

inside() {
	ok 'nvme connect' connect
	ANSWERS=4
	yes | head -c 64M >/tmp/full
	local device ram=$(device 1) file=$(device 2) protected=$(device 3)
	identify "$ram"
	for device in "$ram" "$file"; do
		BLOCK=$(blockdev --getss "$device") LAST=$(($(get nsze id-ns "$device") - 1))
		comment <<<"$device, blocks of $BLOCK"
		zeroes "$device"
		! beyond_nvmet || comparisons "$device"
		! beyond_nvmet || copies "$device"
		! beyond_nvmet || uncorrectable "$device"
	done
	gives_back "$file"
	filesystem "$file"
	passthrough "$ram"
	if beyond_nvmet; then
		decodes "$ram"
		write_protection "$ram"
		gives_memory_back "$ram"
		read_only "$protected"
		storage_fails "$(device 5)"
		hears "$file"
	fi
	ok 'nvme disconnect' disconnect
}

outside() {
	[ $PEER = nvmet ] || target
	ok_guest -f "$here/jobs/uevents.py" inside
}
