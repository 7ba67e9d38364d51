# SPDX-License-Identifier: BSD-2-Clause
# Kernel mode, all in the guest: nvmfd -K fills the guest's own nvmet, and its own host
# finds it through nvmfd's discovery.  What others have in configfs is not touched, and
# nothing of ours stays, however nvmfd ends.

outside() {
	bundle "$NVMFD" "$WORK/nvmfd"
	ok_guest -f "$WORK/nvmfd" inside
}

NVMET=/sys/kernel/config/nvmet
OTHER=$NQN-2
MY_HOST=nqn.2014-08.org.nvmexpress:uuid:11111111-2222-4333-8444-555555555555

# --- configfs, as it is ---------------------------------------------------------------

# All that is there, with what it says, and what bears a mark of nvmfd.
configfs() {
	cd $NVMET
	{	find . -type d -printf '%p\n' -o -type l -printf '%p -> %l\n'
		grep -rs '' .
		find . -type d \( -newerat '2100-01-01' -o ! -perm 755 \) -printf '%p is marked\n'
	} | sort
	cd - >/dev/null
}

# same DESCRIPTION WANTED: configfs is as it was then; else the difference is shown.
same() { ok "$1" diff <(echo "$2") <(configfs); }

foreigners() {
	losetup /dev/loop7 $(store foreign 16M)
	mkdir $NVMET/hosts/foreign-host $NVMET/subsystems/foreign $NVMET/subsystems/foreign/namespaces/1 $NVMET/ports/77
	ln -s $NVMET/hosts/foreign-host $NVMET/subsystems/foreign/allowed_hosts/
	echo -n /dev/loop7 >$NVMET/subsystems/foreign/namespaces/1/device_path
	echo 1 >$NVMET/subsystems/foreign/namespaces/1/enable
	echo tcp >$NVMET/ports/77/addr_trtype
	echo ipv4 >$NVMET/ports/77/addr_adrfam
	echo 127.0.0.1 >$NVMET/ports/77/addr_traddr
	echo 4477 >$NVMET/ports/77/addr_trsvcid
	ln -s $NVMET/subsystems/foreign $NVMET/ports/77/subsystems/
}

# --- nvmfd, in the guest ----------------------------------------------------------------

start() { # ARG...
	/job/nvmfd/run -K -d "$@" >/tmp/nvmfd.log 2>&1 &
	daemon=$!
	within 30 listens || { result 'not ok' 'nvmfd starts'; comment </tmp/nvmfd.log; }
}

listens() { [ "$(ss -Hltn 'sport = :8009')" ] && grep -q -e '^nvmfd serves' -e '^by the kernel' /tmp/nvmfd.log; }

end() {
	kill -TERM $daemon
	wait $daemon
	is 'SIGTERM ends nvmfd with status 0' $? 0 || comment </tmp/nvmfd.log
	same '... and configfs is as it was found' "$found"
}

# refused DESCRIPTION WORDS ARG...: one sentence with these words, exit status 1.
refused() {
	local what=$1 words=$2 status=0
	shift 2
	"$@" >/tmp/refusal 2>/tmp/refusal || status=$?
	is "$what: exit status" $status 1
	is '... one sentence' "$(grep -c '^nvmfd: ' /tmp/refusal)" 1
	ok "... $words" grep -q -- "$words" /tmp/refusal || comment </tmp/refusal
	same '... and configfs is as it was' "$now"
}

reload() { # WORDS of the log
	local lines=$(wc -l </tmp/nvmfd.log)
	kill -HUP $daemon
	within 30 eval "tail -n +$((lines + 1)) /tmp/nvmfd.log | grep -q '/tmp/file: '"
	ok "... nvmfd: $1" eval "tail -n +$((lines + 1)) /tmp/nvmfd.log | grep -q -- '$1'" ||
		comment </tmp/nvmfd.log
}

# --- the file ------------------------------------------------------------------------------

namespace() { # NSID PATH [NUMBER of the UUID]
	printf '{"nsid": %s, "enable": 1, "device": {"path": "%s", "uuid": "00000000-0000-4000-8000-%012d"}}' $1 $2 ${3-$1}
}

subsystem() { # NQN NAMESPACE: for one host
	printf '{"nqn": "%s", "attr": {"allow_any_host": "0", "serial": "interop", "model": "by nvmfd"},
		"allowed_hosts": ["%s"], "namespaces": [%s]}' $1 $MY_HOST "$2"
}

# file PORTID SUBSYSTEM...
file() {
	local id=$1 list= names= s
	shift
	for s; do
		list+=${list:+,}$s
		names+=${names:+,}$(grep -o '"nqn": "[^"]*"' <<<"$s" | cut -d ' ' -f 2)
	done
	cat >/tmp/file <<-END
		{"hosts": [{"nqn": "$MY_HOST"}],
		 "ports": [{"portid": $id, "addr": {"adrfam": "ipv4", "traddr": "127.0.0.1", "trsvcid": "4420", "trtype": "tcp"},
		            "ana_groups": [{"grpid": 1, "ana": {"state": "optimized"}}, {"grpid": 2, "ana": {"state": "non-optimized"}}],
		            "referrals": [{"name": "elsewhere", "enable": 1,
		                           "addr": {"adrfam": "ipv4", "traddr": "192.0.2.1", "trsvcid": "8009", "trtype": "tcp"}}],
		            "subsystems": [$names]}],
		 "subsystems": [$list],
		 "nvmfd": {"devices": [{"name": "b", "device": "file:/tmp/store/b"}]}}
	END
}

records() { # of a discovery log: what identifies each, but for the service itself
	nvme discover -t tcp -a "$1" -s 8009 -q $MY_HOST -o json | python3 -c 'import json, sys
for r in json.load(sys.stdin)["records"]:
    r["subtype"].startswith("current") or print(*(r[k] for k in ("subnqn", "subtype", "adrfam", "traddr", "trsvcid")))'
}

log_of() { # NQN...: what discovery has to tell, the referral last
	printf '%s nvme subsystem ipv4 127.0.0.1 4420\n' "$@"
	echo nqn.2014-08.org.nvmexpress.discovery discovery subsystem referral ipv4 192.0.2.1 8009
}

# --- the job --------------------------------------------------------------------------------

inside() {
	WORK=/tmp NAMESPACE=none CALLER=0
	may_say 'failed to connect socket: -101'	# nvme connect-all, to the referral
	foreigners
	local a=/dev/loop6 found now
	losetup $a $(store a 64M)
	store b 64M >/dev/null
	found=$(configfs) now=$found

	every_change
	from_file
	a_change_that_fails
	attributes_and_port
	end_of_file
	after_a_crash
	from_command_line
	ipv6_alone
	what_is_refused
	rmdir_foreigners
}

# Three files that differ in all that can change; each looks the same whether it is the
# first one or follows another.
files() {
	local host='"hosts": [{"nqn": "'$MY_HOST'"}, {"nqn": "foreign-host"}]' any='"attr": {"allow_any_host": "1"}'
	local addr='"addr": {"traddr": "127.0.0.1", "trtype": "tcp", "trsvcid"'
	cat >/tmp/file1 <<-END
		{"ports": [{"portid": 1, $addr: "4420"}, "subsystems": ["one"]}],
		 "subsystems": [{"nqn": "one", $any, "namespaces": [$(namespace 1 $a)]}]}
	END
	cat >/tmp/file2 <<-END
		{$host, "ports": [{"portid": 1, $addr: "4420"}, "subsystems": ["one", "two"]}, {"portid": 2, $addr: "4430"}}],
		 "subsystems": [{"nqn": "one", "allowed_hosts": ["$MY_HOST", "foreign-host"],
		                 "namespaces": [$(namespace 1 /tmp/store/b), $(namespace 2 $a)]},
		                {"nqn": "two", $any}]}
	END
	cat >/tmp/file3 <<-END
		{"ports": [{"portid": 2, $addr: "4431"}, "subsystems": ["two"],
		            "ana_groups": [{"grpid": 1, "ana": {"state": "non-optimized"}},
		                           {"grpid": 7, "ana": {"state": "optimized"}}],
		            "referrals": [{"name": "r", "enable": 1, $addr: "8009"}}]}],
		 "subsystems": [{"nqn": "two", $any, "namespaces": [$(namespace 9 $a)]}]}
	END
}

# A port that has listened keeps the limits that the kernel chose for it then.
as_configured() { configfs | grep -v '/param_'; }

every_change() {
	local i first=()
	files
	for i in 1 2 3; do
		start -c /tmp/file$i
		first[i]=$(as_configured)
		end >/tmp/ends
	done
	cp /tmp/file1 /tmp/file
	start -c /tmp/file
	for i in 2 3 1 3 2 1; do
		cp /tmp/file$i /tmp/file
		reload 'read again'
		ok "... file $i is as if it were the first" diff <(echo "${first[i]}") <(as_configured)
	done
	end
}

from_file() {
	file 1 "$(subsystem $NQN "$(namespace 1 $a)")"
	start -c /tmp/file --ports-file /tmp/ports
	is 'nvmfd writes which ports' "$(tr '\n' ' ' </tmp/ports)" 'discovery=8009 port1=4420 '
	is 'nvmfd tells where the kernel serves' "$(records 127.0.0.1)" "$(log_of $NQN)"
	ok 'nvme connect-all, through discovery' nvme connect-all -t tcp -a 127.0.0.1 -s 8009 -q $MY_HOST
	is '... the serial number of the file' "$(cat /sys/class/nvme/nvme*/serial | tr -d ' ' | uniq)" interop
	local device=$(device 1)
	ok '... fio verifies' verify "$device" --size=16M
	is '... the identifier of the file' "$(cat /sys/block/${device##*/}/uuid)" 00000000-0000-4000-8000-000000000001

	background verify "$device" --size=32M --time_based --runtime=5
	file 1 "$(subsystem $NQN "$(namespace 1 $a),$(namespace 2 b)")" "$(subsystem $OTHER "$(namespace 1 $a 9)")"
	reload 'read again'
	is '... discovery tells of the new subsystem' "$(records 127.0.0.1 | sort)" "$(log_of $NQN $OTHER | sort)"
	device=$(device 2)
	ok '... the new namespace comes by itself, fio verifies' verify "$device" --size=16M
	ok '... connect to the new subsystem' nvme connect -t tcp -a 127.0.0.1 -s 4420 -n $OTHER -q $MY_HOST
	ok '... and disconnect' nvme disconnect -n $OTHER
	ended '... and what was under way was not disturbed'
}

a_change_that_fails() {
	may_say 'failed to open'
	local now=$(configfs)
	cp /tmp/file /tmp/good
	file 1 "$(subsystem $NQN "$(namespace 1 $a),$(namespace 3 /nowhere)")"
	reload 'nothing changes: device.path ./nowhere. of subsystems/.*: No such file'
	same '... nothing has' "$now"
	is '... and discovery tells the same' "$(records 127.0.0.1 | sort)" "$(log_of $NQN $OTHER | sort)"
	ok '... and fio verifies what is there' verify "$(device 2)" --size=4M
	cp /tmp/good /tmp/file
}

# The host has seen the serial number, not the limit; it follows a port that changes.
attributes_and_port() {
	local port=$NVMET/ports/1 now
	may_say "Can't set serial number" 'starting error recovery' 'failed to send request -(32|104)' \
		'failed to connect socket: -111' 'failed nvme_keep_alive_end_io' "${WITHOUT_PATH[@]}"
	now=$(configfs)
	sed -i 's/"serial": "interop"/"serial": "another"/' /tmp/file
	reload 'nothing changes: attr.serial of .*: it does not change any more once a host has seen it'
	same '... nothing has' "$now"
	sed -i 's/"serial": "another"/"serial": "interop", "qid_max": "2", "cntlid_min": "100", "cntlid_max": "199"/' /tmp/file
	reload 'read again'
	is '... the limit is 2' "$(cat $NVMET/subsystems/$NQN/attr_qid_max)" 2
	ok '... which the host obeys by itself' within 30 eval '[ "$(cat /sys/class/nvme/nvme*/queue_count)" = 3 ]'
	ok '... as controller 100 or more' within 30 eval '[ "$(cat /sys/class/nvme/nvme*/cntlid)" -ge 100 ]'

	background eval 'sleep 1; verify "$(device 2)" --size=8M'
	sed -i 's/"trsvcid": "4420", "trtype": "tcp"}/&, "param": {"inline_data_size": "8192"}/' /tmp/file
	reload 'read again'
	is '... the port has another limit' "$(cat $port/param_inline_data_size)" 8192
	ok '... and serves as before' test -L $port/subsystems/$NQN
	ended '... the host is there again, fio verifies'
	sed -i 's/"4420"/"4421"/' /tmp/file
	reload 'read again'
	is '... the port has moved' "$(cat $port/addr_trsvcid)" 4421
	ok '... where the kernel listens, and no longer there' eval '[ "$(ss -Hltn "sport = :4421")" ] && ! [ "$(ss -Hltn "sport = :4420")" ]'
	is '... discovery tells of it' "$(records 127.0.0.1 | grep -c ' 127.0.0.1 4421$')" 2
	sed -i 's/"4421"/"4420"/' /tmp/file
	reload 'read again'
	ok '... and back: the host is there again' within 30 eval '[ "$(cat /sys/class/nvme/nvme*/state)" = live ]'
	ok '... fio verifies' verify "$(device 2)" --size=4M
	sed 's/"4420"/"4477"/' -i.good /tmp/file
	now=$(as_configured)
	may_say 'failed to bind port socket'
	reload 'nothing changes: port 1, 127.0.0.1 TCP port 4477'
	ok '... an address in use: it serves where it did' diff <(echo "$now") <(as_configured)
	mv /tmp/file.good /tmp/file
	ok '... the host is there again' within 30 eval '[ "$(cat /sys/class/nvme/nvme*/state)" = live ]'
	ok '... fio verifies' verify "$(device 2)" --size=4M
}

# "::" then takes no host of IPv4, whom discovery must not send there.
ipv6_alone() {
	echo 1 >/proc/sys/net/ipv6/bindv6only
	start -n $NQN /tmp/store/b
	is 'with bindv6only there is a port for each' "$(cat $NVMET/ports/*/addr_traddr | sort | xargs)" '0.0.0.0 127.0.0.1 ::'
	is '... of which discovery tells: IPv4' "$(records 127.0.0.1)" "$NQN nvme subsystem ipv4 127.0.0.1 4420"
	is '... IPv6' "$(records ::1)" "$NQN nvme subsystem ipv6 ::1 4420"
	ok '... nvme connect-all' nvme connect-all -t tcp -a 127.0.0.1 -s 8009
	ok '... disconnect' nvme disconnect -n $NQN
	end
	cat >/tmp/file4 <<-END
		{"ports": [{"portid": 1, "addr": {"traddr": "::", "trtype": "tcp", "trsvcid": "4420"}, "subsystems": ["one"]}],
		 "subsystems": [{"nqn": "one", "attr": {"allow_any_host": "1"}}]}
	END
	start -c /tmp/file4
	is '... and of :: alone no host of IPv4 is told' "$(records ::1; records 127.0.0.1)" 'one nvme subsystem ipv6 ::1 4420'
	end
	echo 0 >/proc/sys/net/ipv6/bindv6only
	start -c /tmp/file4
	is 'without it all are' "$(records ::1; records 127.0.0.1)" "$(printf 'one nvme subsystem %s 4420\n' 'ipv6 ::1' 'ipv4 127.0.0.1')"
	end
}

end_of_file() {
	file 1 "$(subsystem $NQN "$(namespace 1 $a)")"
	reload 'read again'
	ok '... the namespace goes' within 30 eval '! has_device 2'
	is '... and the subsystem, which discovery no longer tells of' "$(records 127.0.0.1)" "$(log_of $NQN)"
	ok '... fio verifies' verify "$(device 1)" --size=4M
	ok 'nvme disconnect' nvme disconnect -n $NQN
	end
}

after_a_crash() {
	start -c /tmp/file
	now=$(configfs)
	refused 'a second nvmfd' 'another nvmfd' /job/nvmfd/run -K -d -P 8010 -c /tmp/file
	kill -9 $daemon
	wait $daemon 2>/dev/null
	ok 'after kill -9 the kernel still serves' test -d $NVMET/subsystems/$NQN
	file 2 "$(subsystem $OTHER "$(namespace 1 $a 9)")"
	start -c /tmp/file
	ok '... the next one clears what is left' grep -q 'cleared what an nvmfd that died left' /tmp/nvmfd.log
	is '... so that its own alone is there' "$(ls -m $NVMET/ports $NVMET/subsystems | tr -d '\n')" \
		"$NVMET/ports:2, 77$NVMET/subsystems:foreign, $OTHER"
	ok '... nvme connect-all' nvme connect-all -t tcp -a 127.0.0.1 -s 8009 -q $MY_HOST
	ok '... fio verifies' verify "$(device 1)" --size=4M
	ok '... nvme disconnect' nvme disconnect -n $OTHER
	end
	killed_on_the_way
}

# At any moment of its start, between any two of its calls.
killed_on_the_way() {
	local delay
	for delay in 0.{005..120..5}; do
		/job/nvmfd/run -K -d -c /tmp/file >/tmp/nvmfd.log 2>&1 &
		daemon=$!
		sleep $delay
		kill -9 $daemon
		wait $daemon 2>/dev/null
	done
	start -c /tmp/file
	end
}

from_command_line() {
	start -n $NQN --io-queues 2 /tmp/store/b
	is 'of the command line, too, nvmfd tells where the kernel serves' "$(records 127.0.0.1)" \
		"$NQN nvme subsystem ipv4 127.0.0.1 4420"
	is '... by IPv6 as well' "$(records ::1)" "$NQN nvme subsystem ipv6 ::1 4420"
	ok '... nvme connect-all' nvme connect-all -t tcp -a 127.0.0.1 -s 8009 --ctrl-loss-tmo=2 --reconnect-delay=1
	ok '... fio verifies' verify "$(device 1)" --size=16M
	is '... with as many queues as --io-queues' "$(cat /sys/class/nvme/nvme*/queue_count)" 3
	may_say 'starting error recovery' 'failed to connect socket: -111' 'Property Set error: 880'
	end
	ok '... although a host was connected, who gives up' within 60 eval '! ls /sys/class/nvme/nvme*'
}

what_is_refused() {
	now=$found
	may_say 'failed to bind port socket'
	file 77 "$(subsystem $NQN "$(namespace 1 $a)")"
	refused "somebody else's port" 'port 77: .* not nvmfd' /job/nvmfd/run -K -d -c /tmp/file
	file 1 "$(subsystem foreign "$(namespace 1 $a)")"
	refused "somebody else's subsystem" "subsystem 'foreign': .* not nvmfd" /job/nvmfd/run -K -d -c /tmp/file
	file 1 "$(subsystem $NQN "$(namespace 1 $a)")"
	sed -i s/4420/4477/ /tmp/file
	refused 'an address in use' 'port 1, 127.0.0.1 TCP port 4477.*in use' /job/nvmfd/run -K -d -c /tmp/file
	refused 'a RAM disk' "'ramdisk:16M'" /job/nvmfd/run -K -d ramdisk:16M
	refused 'no privilege' 'no right' setpriv --reuid 65534 /job/nvmfd/run -K -d --pidfile /tmp/p /tmp/store/b
}

rmdir_foreigners() {
	ok "what is not nvmfd's can be removed as ever" eval "rm $NVMET/ports/77/subsystems/foreign &&
		rm $NVMET/subsystems/foreign/allowed_hosts/foreign-host && rmdir $NVMET/ports/77 \
		$NVMET/subsystems/foreign/namespaces/1 $NVMET/subsystems/foreign $NVMET/hosts/foreign-host"
}
