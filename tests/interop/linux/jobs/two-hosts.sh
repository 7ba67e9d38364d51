# SPDX-License-Identifier: BSD-2-Clause
# Hosts with names of their own use one subsystem at once: two in one guest, as
# two paths, and two guests.

target() { nvmfd ramdisk:64M; }

inside() { # HALF
	local host paths device name=nqn.2014-08.org.example:host-$1
	for host in 1 2; do
		ok "guest $1 connects as its host $host" \
			connect --hostnqn=$name-$host --hostid="0000000$1-0000-4000-8000-00000000000$host"
	done
	is "guest $1 has two controllers" "$(controllers live)" 2
	is '... with different IDs' "$(sort -u /sys/class/nvme/nvme*/cntlid | wc -l)" 2
	device=$(device 1)
	for paths in numa round-robin; do
		echo $paths >/sys/class/nvme-subsystem/nvme-subsys0/iopolicy
		ok "... fio verifies, path policy $paths" \
			verify "$device" --offset="$(($1 - 1))"0M --size=8M --bssplit=4k/80:128k/20 --time_based --runtime=3
	done
	ok '... nvme disconnect' disconnect
}

outside() {
	[ $PEER = nvmet ] || target
	local guests=()
	ok_guest -n 2 inside 1 &
	guests+=($!)
	ok_guest -n 3 inside 2 &
	wait "${guests[@]}" $!
}
