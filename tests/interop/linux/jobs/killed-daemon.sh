# SPDX-License-Identifier: BSD-2-Clause
# nvmfd is killed while a host writes and verifies, while it discards and zeroes, and
# while it has a filesystem mounted: once there is a daemon again, the host goes on by
# itself, and all that it was told is done is there.

target() { nvmfd -gG "file:$(store ns1 64M)" "file:$(store ns2 128M)"; }

interrupt() {
	sleep 1
	tell kill_daemon
	ok '... the host notices' within 10 eval '[ $(controllers live) = 0 ]'
	sleep 1
	tell start_daemon
	ok '... the host is back' within 20 eval '[ $(controllers live) = 1 ]'
}

inside() {
	ok 'nvme connect' connect -g -G --reconnect-delay=1 --keep-alive-tmo=5
	may_say 'starting error recovery' 'failed to connect socket: -111' 'failed to send request -(32|104)' \
		'failed nvme_keep_alive_end_io' "${WITHOUT_PATH[@]}"

	background verify "$(device 1)" --size=32M --bssplit=4k/80:64k/20 --rate_iops=1000
	comment <<<'while fio writes'
	interrupt
	ok '... under I/O, until here' kill -0 $!
	ended 'fio verifies'
	ok 'fio verifies once more what it wrote' verify "$(device 1)" --size=32M --bssplit=4k/80:64k/20 --verify_only

	local ways='write discard zero' i
	# The kernel's target does not promise zeros.
	[ $PEER != nvmet ] || ways='write zero'
	background python3 changes.py "$(device 1)" 32 4 /tmp/enough $ways
	for i in 1 2 3; do
		comment <<<"while a host does this: $ways ($i)"
		interrupt
	done
	ok '... under I/O, until here' kill -0 $!
	touch /tmp/enough
	ended 'all is there'
	comment </tmp/background

	ok 'mkfs.ext4' mkfs.ext4 -q "$(device 2)"
	ok 'mount, with discard' mount -o discard "$(device 2)" /mnt
	background eval 'for i in 1 2 3 4; do cp -a /usr/lib/python3.*/ /mnt/$i &&
		cp -a /mnt/$i /mnt/gone && sync -f /mnt && rm -r /mnt/gone && fstrim /mnt && sleep 1 || exit; done'
	comment <<<'while a tree is copied and its space trimmed'
	interrupt
	ended 'the copies end well'
	echo 3 >/proc/sys/vm/drop_caches
	for i in 1 2 3 4; do
		ok "copy $i is the same" diff -r --no-dereference /usr/lib/python3.* /mnt/$i
	done
	ok 'umount' umount /mnt
	ok 'fsck finds nothing' fsck.ext4 -fn "$(device 2)"
	ok 'nvme disconnect' disconnect
}

outside() {
	[ $PEER = nvmet ] || target
	ok_guest -f "$here/jobs/changes.py" inside
}
