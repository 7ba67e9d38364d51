# SPDX-License-Identifier: BSD-2-Clause
#
# The guest's half of bench/guest: one round.  Each target in turn is started, filled and
# measured by the same fio jobs over the guest's own loopback.
#
#   guest.sh SECONDS MIB TARGET...
#
# Prints, for each case, a line "sample TARGET CASE BEFORE AFTER FIO": two samples of a
# while in which fio is at it, each MOMENT/IDLE/SERVER/IOS (seconds; ticks that the CPUs
# idled and that the server's process ran; I/Os that the device has done), and what fio
# says, as JSON in one line.  Everything else that is printed is for people.
set -uo pipefail
. ./lib.sh

SECONDS_TO_MEASURE=$1 SIZE=$2M
shift 2
SETTLED=0.3		# seconds from the first I/O on until the samples begin
NBD=/dev/nbd0 RAM=/dev/ram0 PORT=4420

give_up() {
	echo "guest: $1"
	tail -n 5 /tmp/*.log 2>/dev/null
	exit 1
}

# --- targets: each sets $DEVICE and, where it is a process that serves, $server ------

connect_nvme() {
	nvme connect -t tcp -a 127.0.0.1 -s $PORT -n $NQN --nr-io-queues=1 >/dev/null || give_up 'nvme connect failed'
	DEVICE=$(device 1) || give_up 'there is no namespace'
}

start_nvmfd() { # OPTION...
	/job/nvmfd/run --foreground -n $NQN -p $PORT --listen 127.0.0.1 "$@" >/tmp/nvmfd.log 2>&1 &
	daemon=$!
	within 30 port_is_open $PORT || give_up 'nvmfd did not start'
}

stop_nvmfd() {
	disconnect >/dev/null
	kill $daemon
	wait $daemon
}

port_is_open() { [ "$(ss -Hltn "sport = :$1")" ]; }

open_nvmfd() {
	start_nvmfd "ramdisk:$SIZE?bs=512"
	server=$daemon
	connect_nvme
}

close_nvmfd() { stop_nvmfd; }

# nvmfd fills in configfs and serves nothing itself but discovery.
open_nvmet() {
	[ -b $RAM ] || modprobe brd rd_nr=1 rd_size=$((${SIZE%M} * 1024)) || give_up 'there is no brd'
	start_nvmfd -K $RAM
	connect_nvme
}

close_nvmet() {
	stop_nvmfd
	blockdev --flushbufs $RAM
}

open_nbdkit() {
	[ -b $NBD ] || modprobe nbd || give_up 'there is no nbd'
	nbdkit --foreground -i 127.0.0.1 -p 10809 memory $SIZE >/tmp/nbdkit.log 2>&1 &
	server=$!
	within 30 port_is_open 10809 || give_up 'nbdkit did not start'
	nbd-client 127.0.0.1 10809 $NBD >/tmp/nbd-client.log 2>&1 || give_up 'nbd-client failed'
	DEVICE=$NBD
}

close_nbdkit() {
	nbd-client -d $NBD >/dev/null
	kill $server
	wait $server
}

# --- samples ---------------------------------------------------------------------------

# By bash alone: a program that starts costs more than many an I/O.
words() { # FILE: its first line into $words
	read -ra words <"$1" || give_up "$1 can't be read"
}

ios() { # sets $ios
	local words
	words "/sys/class/block/${DEVICE##*/}/stat"
	ios=$((words[0] + words[4]))
}

sample() { # sets $sample
	local words idle ran=0 ios
	words /proc/stat
	idle=$((words[4] + words[5]))
	if [ "$server" ]; then
		words /proc/$server/stat
		ran=$((words[13] + words[14]))
	fi
	ios
	sample=$EPOCHREALTIME/$idle/$ran/$ios
}

has_begun() { # IOS that were done before
	ios
	[ $ios -gt "$1" ]
}

measure() { # TARGET CASE
	local ios sample before
	ios
	SIZE=$SIZE DEVICE=$DEVICE SECONDS_OF_IO=$((SECONDS_TO_MEASURE + 1)) \
		fio --section="$2" --output-format=json --output=/tmp/fio.json guest.fio &
	within 30 has_begun $ios || give_up "fio does not begin with $2 of $1"
	sleep $SETTLED
	sample
	before=$sample
	sleep $SECONDS_TO_MEASURE
	sample
	wait $! || give_up "fio failed in $2 of $1"
	echo "sample $1 $2 $before $sample $(tr -d '\n' </tmp/fio.json)"
}

fill() {
	fio --name=fill --filename=$DEVICE --size=$SIZE --direct=1 --ioengine=libaio --rw=write --bs=1M --iodepth=4 \
		--refill_buffers >/tmp/fill.log || give_up 'it could not be filled'
}

round() { # TARGET
	local server=
	open_$1
	fill
	for name in $(sed -n 's/^\[\(.*-d[0-9]*\)\]$/\1/p' guest.fio); do
		measure $1 $name
	done
	close_$1
}

version() { "$@" 2>&1 | grep -om 1 '[0-9][0-9.]*' | head -n 1; }

echo "about Linux=$(uname -r) CPUs=$(nproc) ticks=$(getconf CLK_TCK) fio=$(version fio --version)" \
	"nbdkit=$(version nbdkit --version) nbd-client=$(version nbd-client --version) nvme-cli=$(version nvme version)"
for target; do
	round "$target"
done
