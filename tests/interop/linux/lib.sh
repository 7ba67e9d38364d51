# SPDX-License-Identifier: BSD-2-Clause
#
# Functions of the interop tests.  A job (jobs/NAME.sh) is read on both sides: the
# machine runs its outside(), the guest its target() where the kernel's own target
# is asked for, and its inside().  Both speak TAP; the guest talks to the machine
# in lines that begin with "@", which are commands for it.

NQN=nqn.2014-08.org.nvmexpress:nvmfd-interop

# --- TAP, both sides ---------------------------------------------------------------

result() { # ok|'not ok' DESCRIPTION
	echo "$1 - $2"
	[ "$1" = ok ]
}

comment() { sed 's/^/# /'; }

# ok DESCRIPTION COMMAND...: what the command prints is shown if it fails.
ok() {
	local what=$1 output status=0
	shift
	output=$("$@" 2>&1) || status=$?
	[ $status = 0 ] && result ok "$what" && return
	result 'not ok' "$what"
	printf '%s\n' "$* returned $status" "$output" | head -n 20 | comment
	return 1
}

# is DESCRIPTION GOT WANTED
is() {
	[ "$2" = "$3" ] && result ok "$1" && return
	result 'not ok' "$1"
	printf '%s\n' "got:    $2" "wanted: $3" | comment
	return 1
}

# Passes on results, makes comments of the rest, ends with the plan.
tap() {
	local line n=0 failed=0
	while IFS= read -r line; do
		case $line in
		'ok - '* | 'not ok - '*) n=$((n + 1)) ;;
		'#'*) ;;
		*) line="# $line" ;;
		esac
		printf '%s\n' "$line"
		[ "${line#not}" = "$line" ] || failed=1
	done
	[ $failed = 0 ] || tail -n 60 "$WORK/nvmfd.log" 2>/dev/null | sed 's/^/# nvmfd: /'
	echo "1..$n"
	[ $failed = 0 ] && [ $n -gt 0 ]
}

# background COMMAND...: ended DESCRIPTION says whether it ended well.
background() { "$@" >/tmp/background 2>&1 & }

ended() {
	local status=0
	wait $! || status=$?
	is "$1" $status 0 || comment </tmp/background
}

# within SECONDS COMMAND...: waits until it succeeds.
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

# --- namespaces of our own, on the machine ---------------------------------------------

# What unshare may be asked for here: with privilege, else in a user namespace.
namespace_flags() {
	local apart='--net --pid --fork --kill-child' user='--user --map-root-user' flags
	for flags in "$apart --mount-proc" "$apart" "$user $apart --mount-proc" "$user $apart"; do
		unshare $flags ip link add probe type veth 2>/dev/null && echo "$flags" && return
	done
	return 1
}

# Runs the calling script again, with these arguments, where it has a network and
# process numbers of its own, and a scratch folder $WORK: whatever happens to it,
# its processes end and the folder goes.  Where there are no namespaces to be had,
# $NAMESPACE is "none", and it stays in the machine's own network.
enter_namespaces() {
	if [ "${NAMESPACE-}" ]; then
		# The first process of a namespace ignores what it does not trap.
		trap 'exit 143' HUP INT TERM
		[ $NAMESPACE = none ] || ip link set lo up
		return
	fi
	umask 022
	export NAMESPACE=none WORK CALLER=$(id -u)
	WORK=$(mktemp -d)
	chmod 711 "$WORK"
	# Every process of ours holds this pipe.
	exec 9> >(exec setsid sh -c 'cat; rm -rf "$1"' - "$WORK" >/dev/null 2>&1)
	local flags
	flags=$(namespace_flags) || return 0
	[ "${flags#--user}" = "$flags" ] && NAMESPACE=root || NAMESPACE=user
	exec unshare $flags "$0" "$@"
}

# as_user COMMAND...: without privilege, and with no more lockable memory than
# Debian grants; replaces the (sub)shell.
as_user() {
	local id=$CALLER
	[ $id != 0 ] || id=65534
	ulimit -l 8192 2>/dev/null
	if [ $NAMESPACE = user ]; then
		exec unshare --user --map-user=$id --map-group=$id "$@"
	elif [ "$(id -u)" = 0 ]; then
		exec setpriv --pdeathsig KILL --reuid $id --regid $id --clear-groups "$@"
	fi
	exec setpriv --pdeathsig KILL "$@"
}

# --- the daemon, on the machine ------------------------------------------------------

choose_ports() {
	PORT=4420 DPORT=8009 LISTEN= daemon=
	[ $NAMESPACE = none ] || return 0
	read -r PORT DPORT < <(python3 -c 'import socket
s = [socket.create_server(("127.0.0.1", 0)) for _ in "12"]
print(*(x.getsockname()[1] for x in s))')
	LISTEN='--listen 127.0.0.1'
}

# nvmfd ARG...: starts it, listening on $PORT and, for discovery, on $DPORT.
nvmfd() {
	daemon_args=("$@")
	if ! (as_user test -x "$NVMFD") 2>/dev/null; then
		bundle "$NVMFD" "$WORK/nvmfd"
		NVMFD=$WORK/nvmfd/run
	fi
	start_daemon
}

start_daemon() {
	mkdir -p -m 1777 "$WORK/store"
	HOME=$WORK/store XDG_RUNTIME_DIR=$WORK/store as_user \
		"$NVMFD" -d -n "$NQN" -p "$PORT" -P "$DPORT" $LISTEN "${daemon_args[@]}" >>"$WORK/nvmfd.log" 2>&1 &
	daemon=$!
	within 60 daemon_listens || ! result 'not ok' 'nvmfd starts'
}

daemon_listens() { [ "$(ss -Hltn "sport = :$PORT")" ]; }

kill_daemon() {
	kill -9 $daemon
	wait $daemon 2>/dev/null
	daemon=
}

stop_daemon() {
	[ "$daemon" ] || return 0
	kill -TERM $daemon
	within 20 daemon_ended || kill -9 $daemon
	local status=0
	wait $daemon 2>/dev/null || status=$?
	daemon=
	is 'SIGTERM ends nvmfd in time, with status 0' $status 0
	ok 'nvmfd has no complaint of a sanitizer' eval '! grep -A20 -E "ERROR: [A-Za-z]*Sanitizer|runtime error:" "$WORK/nvmfd.log"'
}

daemon_ended() { ! kill -0 $daemon || grep -q '^State:[[:space:]]Z' "/proc/$daemon/status"; }

# store NAME SIZE: makes a file for a namespace and prints its path.
store() {
	mkdir -p -m 1777 "$WORK/store"
	[ -e "$WORK/store/$1" ] || (as_user truncate -s "$2" "$WORK/store/$1")
	echo "$WORK/store/$1"
}

# bundle PROGRAM FOLDER: with its libraries and its loader, as FOLDER/run, for a
# guest that has others.
bundle() {
	mkdir -p "$2"
	cp "$1" $(ldd "$1" | grep -o '/[^ ]*') "$2"
	printf '%s\n' '#!/bin/bash' "exec \${0%/*}/ld-linux* --library-path \${0%/*} \${0%/*}/${1##*/} \"\$@\"" >"$2/run"
	chmod +x "$2/run"
}

# --- the guest, seen from the machine ---------------------------------------------------

# guest [-n NET] [-D DISK] [-f FILE]... [-t SECONDS] FUNCTION [ARG]...: boots one
# that runs the function of the job, carries out the commands that it sends, and
# passes the rest on.
guest() {
	local options=() net=2 line status=0 from_guest
	while [ "${1#-}" != "$1" ]; do
		[ "$1" != -n ] || net=$2
		options+=("$1" "$2")
		shift 2
	done
	local address=10.0.$net.2
	[ "$KIND" = uml ] || address=127.0.0.1
	# Time is limited by whoever runs the test.
	exec {from_guest}< <("$here/run-guest" -t 3600 -d "$GUEST" -f "$here/lib.sh" -f "$here/jobs/$JOB.sh" "${options[@]}" \
		"PEER=$PEER PORT=$PORT DPORT=$DPORT TOLD=$address; . ./lib.sh; . ./$JOB.sh; guest_main $*")
	runner=$!
	while IFS= read -r line <&$from_guest; do
		case $line in
		@*) eval "${line#@}" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done
	wait $runner || status=$?
	exec {from_guest}<&-
	return $status
}

# What most jobs do on the machine.
outside() {
	[ $PEER = nvmet ] || target
	ok_guest inside
}

# ok_guest [OPTION]... FUNCTION [ARG]...: a guest that has to end well.
ok_guest() {
	local status=0
	guest "$@" || status=$?
	is "the guest's job ended by itself" $status 0
}

# answer QUESTION COMMAND...: of the guest's ask.
answer() {
	local question=$1
	shift
	{ echo "$question"; "$@"; } 2>&1 |
		dd of="$WORK/store/answers" bs=4096 count=1 iflag=fullblock conv=sync,notrunc 2>/dev/null
}

cut_power() { kill -TERM $runner; }

# --- the guest's side ---------------------------------------------------------------------

guest_main() { # FUNCTION [ARG]...
	WORK=/tmp ADDRESS=$MACHINE
	exec {output}>&1
	if [ $PEER = nvmet ]; then
		ADDRESS=127.0.0.1 DPORT=$PORT TOLD=127.0.0.1 NAMESPACE=none CALLER=0
		target
	fi
	(sleep 150 && still_running) | comment &
	"$@"
	kernel_log_is_clean
	exit 0
}

# What a job that takes long is waiting for, in the kernel's words.
# What a job that takes long is waiting for.
still_running() {
	echo 'still running after 150 s:'
	ps -o pid,stat,wchan:24,args --ppid 2 -N
	dmesg | tail -n 20
}

# tell COMMAND...: has the machine run it; with the kernel's target we are the machine.
tell() {
	if [ $PEER = nvmet ]; then "$@"; else echo "@$*"; fi
}

# ask COMMAND...: prints what that prints on the machine.  The answer comes by a file
# that is namespace $ANSWERS, so that every kind of guest has it.
ask() {
	[ $PEER != nvmet ] || { "$@"; return; }
	local question=$EPOCHREALTIME
	echo "@answer $question $*" >&$output
	within 30 answered $question && tail -n +2 /tmp/answer | tr -d '\0'
}

answered() { # QUESTION
	dd if="$(device $ANSWERS)" of=/tmp/answer bs=4096 count=1 iflag=direct
	[ "$(head -n 1 /tmp/answer)" = "$1" ]
}

# get KEY COMMAND...: a value of nvme-cli's JSON.
get() {
	local key=$1
	shift
	nvme "$@" -o json | python3 -c 'import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1].split("/"):
    value = value[int(key) if key.isdigit() else key]
print(value)' "$key"
}

connect() { nvme connect -t tcp -a "$ADDRESS" -s "$PORT" -n "$NQN" "$@"; }

disconnect() { nvme disconnect -n "$NQN"; }

# device NSID: waits for it, prints /dev/nvmeXnY (Y is not the NSID).
device() {
	local nsid
	within 30 has_device $1 || return
	for nsid in $(grep -lx "$1" /sys/class/nvme-subsystem/*/nvme*n*/nsid); do
		nsid=${nsid%/nsid}
		echo "/dev/${nsid##*/}"
	done | grep -v 'c[0-9]*n' | head -n 1
}

has_device() { grep -qx "$1" /sys/class/nvme-subsystem/*/nvme*n*/nsid; }

# controllers STATE: how many of our subsystem are in it.
controllers() {
	local c n=0
	for c in /sys/class/nvme/nvme*; do
		[ "$(cat "$c/subsysnqn" 2>/dev/null)" != "$NQN" ] || [ "$(cat "$c/state")" != "$1" ] || n=$((n + 1))
	done
	echo $n
}

# verify DEVICE [FIO OPTION]...: writes, reads back and compares.
verify() {
	local device=$1 status
	shift
	# Once in a hundred runs, on a busy machine, fio itself died of a double free
	# before its first I/O.  Only a death by signal is tried again.
	for _ in 1 2; do
		status=0
		fio --name=verify --filename="$device" --direct=1 --ioengine=libaio --rw=randwrite --bs=4k --iodepth=16 \
			--verify=crc32c --verify_fatal=1 --do_verify=1 --output-format=terse "$@" || status=$?
		[ $status -ge 128 ] || break
		comment <<<"fio died of signal $((status - 128))" >&2
	done
	return $status
}

# What the kernel may say at "warning" and above; jobs add to it with may_say.
MAY_SAY=(
	'vec0: Budget exhausted after napi rescheduled'	# User-Mode Linux's network card
	# It knows no scopes of commands, which NVMe 2 has in the effects log.
	'command:[0-9a-f]+ has unusual effects:'
	'hrtimer: interrupt took' 'long keepalive RTT'	# a busy machine
)
WITHOUT_PATH=('no usable path - requeuing I/O' 'nvme_ns_head_submit_bio: [0-9]+ callbacks suppressed')

may_say() { MAY_SAY+=("$@"); }

kernel_log_is_clean() {
	local log
	log=$(dmesg --notime --level emerg,alert,crit,err,warn | grep -vE "$(IFS='|'; echo "${MAY_SAY[*]}")")
	is 'nothing unexpected in the kernel log' "$log" ''
}

# --- the kernel's own target, in the guest, in the place of nvmfd -----------------------------

[ "${PEER-}" != nvmet ] || [ -z "${MACHINE-}" ] || {
	NVMET=/sys/kernel/config/nvmet

	nvmfd() {
		local nsid=0 arg path
		mkdir $NVMET/subsystems/$NQN $NVMET/ports/1
		echo 1 >$NVMET/subsystems/$NQN/attr_allow_any_host
		for arg; do
			case $arg in
			-*) continue ;;
			ramdisk:*) path=$(store ns$nsid "${arg#ramdisk:}") ;;
			*) path=${arg#file:} ;;
			esac
			nsid=$((nsid + 1))
			set -- $NVMET/subsystems/$NQN/namespaces/$nsid
			mkdir "$1"
			losetup -f --show "${path%%\?*}" | tr -d '\n' >"$1/device_path"
			echo 1 >"$1/enable"
		done
		echo tcp >$NVMET/ports/1/addr_trtype
		echo ipv4 >$NVMET/ports/1/addr_adrfam
		echo 127.0.0.1 >$NVMET/ports/1/addr_traddr
		echo "$PORT" >$NVMET/ports/1/addr_trsvcid
		start_daemon
	}
	start_daemon() { ln -s $NVMET/subsystems/$NQN $NVMET/ports/1/subsystems/; }
	kill_daemon() { rm $NVMET/ports/1/subsystems/$NQN; }
}
