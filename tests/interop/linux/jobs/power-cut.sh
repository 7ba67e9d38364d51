# SPDX-License-Identifier: BSD-2-Clause
# The power of the machine that nvmfd runs on is cut: what a host flushed is there.
#
# nvmfd runs in the guest, on a filesystem of the guest's disk, with the guest's
# own kernel as the host.  What it wrote but did not sync is in the guest's memory
# alone and ends with the guest; what reached the disk image stays, since the
# machine around it runs on.

target() { :; }

mount_disk() { mount -o commit=300 "$DISK" /disk; }

writer() { # SEED flush|fua|zero|never
	mount_disk
	if [ ! -e /disk/image ]; then
		truncate -s 64M /disk/image
		chmod 666 /disk/image
		sync
	fi
	echo 0 >/proc/sys/vm/dirty_writeback_centisecs	# the kernel writes nothing unasked
	cp -r bundle /tmp/
	ADDRESS=127.0.0.1 NVMFD=/tmp/bundle/run NAMESPACE=none CALLER=0
	nvmfd file:/disk/image
	connect >/dev/null
	local device queue
	device=$(device 1) queue=/sys/block/${device#/dev/}/queue
	ok 'the host knows of the cache, and of FUA' grep -qx 1 "$queue/fua"
	[ "$2" != never ] || echo 'write through' >"$queue/write_cache"
	python3 records.py write "$device" "$1" "$2"
	cat /tmp/nvmfd.log
}

reader() { # SEED COUNT [zero]
	mount_disk
	echo "@missing=$(python3 records.py missing /disk/image "$@")"
	umount /disk
}

# power_cut flush|fua|zero|never: leaves the number of records that were flushed, and
# how many of them the disk lacks.
power_cut() {
	local disk=$WORK/disk seed=$RANDOM
	flushed=0 missing=
	if [ ! -e "$disk" ]; then
		truncate -s 128M "$disk"
		/sbin/mke2fs -q -t ext4 "$disk"
		mkdir "$WORK/bundle"
		[ $PEER = nvmet ] || bundle "$NVMFD" "$WORK/bundle"
	fi
	guest -D "$disk" -f "$WORK/bundle" -f "$here/jobs/records.py" writer $seed $1
	ok "$1: the power was cut while a host wrote" test $flushed -ge 300
	ok_guest -D "$disk" -f "$here/jobs/records.py" reader $seed $flushed $([ $1 != zero ] || echo zero)
}

outside() {
	power_cut flush
	is "... all of $flushed flushed records are there" "$missing" 0
	power_cut fua
	is "... all of $flushed records written with FUA are there" "$missing" 0
	# What the power cuts before have left there becomes zeros.
	power_cut zero
	is "... all of $flushed zeroed and flushed records are zeros" "$missing" 0
	power_cut never
	ok "... records that the host does not flush are lost: $missing of $flushed" test "$missing" -gt 0
}
