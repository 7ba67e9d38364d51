# SPDX-License-Identifier: BSD-2-Clause
"""What a target serves, as a test thinks of it, and the changes of a random walk.

World    devices, subsystems, ports, referrals; what each host may see of them; the
         same as a configuration file.
Change   one call of the RPC server, and what it makes of a World: several together
         are a reload of the file.
"""
import dataclasses
import json
import uuid
from typing import Callable

from nvmetcp import DISCOVERY_NQN

BLOCK = 512
MIB = 1 << 20
STEADY = 'nqn.2026-11.org.example:steady', 'nqn.2026-11.org.example:also-steady'
RESTLESS = tuple(f'nqn.2026-11.org.example:restless-{word}' for word in ('one', 'two', 'three'))
FENCING = RESTLESS[1]           # whose old connections end when a host comes again
SUBSYSTEMS = STEADY + RESTLESS
HOSTS = tuple(f'nqn.2026-11.org.example:host-{word}' for word in ('one', 'two', 'three'))
STEADY_PORT = 1                 # stays, and serves the steady
PREFIXES = '127.0.0.0/8', '192.0.2.0/24', '::1', '2001:db8::/32'
HERE = {'127.0.0.1': '127.0.0.0/8', '::1': '::1'}       # hosts' addresses, and who takes them
NN = 16                         # namespaces that come and go: 2 to NN
REFERRALS = (('192.0.2.1', 8009), ('192.0.2.2', 8009), ('2001:db8::3', 4420))
# How the text of a device goes on before its size; others can't be resized by a file.
STANDING = {'steady-0': 'ramdisk:', 'steady-1': 'ramdisk:', 'ram': 'ramdisk:', 'null': 'null:',
            'slow': 'delay:ms=20/ramdisk:'}
PASSING = 'passing-0', 'passing-1'
RESIZED = 'ram', 'null', 'slow'


def identity(nqn, nsid):
    """UUID, NGUID and EUI-64 of a namespace, always the same."""
    first, second = (uuid.uuid5(uuid.NAMESPACE_URL, f'{nqn}/{nsid}/{n}') for n in (1, 2))
    return {'uuid': str(first), 'nguid': second.hex, 'eui64': first.hex[:16]}


@dataclasses.dataclass
class Namespace:
    device: str
    read_only: bool = False
    hidden: bool = False
    viewers: set = dataclasses.field(default_factory=set)

    def copy(self):
        return dataclasses.replace(self, viewers=set(self.viewers))


@dataclasses.dataclass
class Subsystem:
    any_host: bool = True
    hosts: set = dataclasses.field(default_factory=set)
    prefixes: set = dataclasses.field(default_factory=set)
    namespaces: dict = dataclasses.field(default_factory=dict)

    def copy(self):
        return Subsystem(self.any_host, set(self.hosts), set(self.prefixes),
                         {nsid: ns.copy() for nsid, ns in self.namespaces.items()})

    def allows(self, host, source):
        return (self.any_host or host in self.hosts) and (
            not self.prefixes or HERE[source] in self.prefixes)


class World:
    """`places` has where ports listen, or would: (address, TCP port) by number."""

    def __init__(self, places):
        self.places = dict(places)
        self.sizes = {name: MIB for name in STANDING}
        self.subsystems = {nqn: Subsystem(namespaces={1: Namespace(f'steady-{number}')})
                           for number, nqn in enumerate(STEADY)}
        self.ports = {STEADY_PORT: list(STEADY)}
        self.referrals = set()
        for name in self.sizes:
            if name.startswith('steady'):
                self.sizes[name] = 10 * MIB

    def copy(self):
        made = World(self.places)
        made.sizes = dict(self.sizes)
        made.subsystems = {nqn: s.copy() for nqn, s in self.subsystems.items()}
        made.ports = {port: list(served) for port, served in self.ports.items()}
        made.referrals = set(self.referrals)
        return made

    # what hosts see

    def source(self, port):
        """The address that a host comes from to this port."""
        return '::1' if ':' in self.places[port][0] else '127.0.0.1'

    def may_stay(self, host, nqn, port):
        return nqn in self.ports.get(port, ()) and self.subsystems[nqn].allows(
            host, self.source(port))

    def view(self, host, nqn):
        """What a host sees, by NSID: whatever differs is a change to tell of."""
        return {nsid: (ns.device, self.sizes[ns.device], ns.read_only, ns.hidden)
                for nsid, ns in self.subsystems[nqn].namespaces.items()
                if not ns.hidden or host in ns.viewers}

    def discovery(self, host, port=STEADY_PORT):
        """(NQN, port, address, TCP port) of what a host is told that came by this port."""
        told = {(DISCOVERY_NQN, 0, *where) for where in self.referrals}
        for number, served in self.ports.items():
            address, service = self.places[number]
            if address == '0.0.0.0':
                address = self.places[port][0]
            told |= {(nqn, number, address, service) for nqn in served
                     if self.subsystems[nqn].allows(host, self.source(port))}
        return told

    # the file

    def device_text(self, name):
        return f'{STANDING.get(name, "ramdisk:")}{self.sizes[name]}'

    def _file_subsystem(self, nqn):
        s = self.subsystems[nqn]
        namespaces = []
        for nsid, ns in s.namespaces.items():
            known = identity(nqn, nsid)
            namespaces.append({'nsid': nsid, 'enable': 1, 'device': {
                'path': ns.device, 'uuid': known['uuid'],
                'nguid': str(uuid.UUID(known['nguid']))}})
        return {'nqn': nqn, 'namespaces': namespaces, 'attr': {
            'allow_any_host': str(int(s.any_host)), 'serial': serial_of(nqn)},
            'allowed_hosts': [] if s.any_host else sorted(s.hosts)}

    def _own_subsystem(self, nqn):
        s = self.subsystems[nqn]
        namespaces = []
        for nsid, ns in s.namespaces.items():
            namespaces.append({'nsid': nsid, 'read_only': int(ns.read_only),
                               'hidden': int(ns.hidden), 'eui64': identity(nqn, nsid)['eui64']})
            if ns.hidden:
                namespaces[-1]['hosts'] = sorted(ns.viewers)
        return {'nqn': nqn, 'addresses': sorted(s.prefixes), 'namespaces': namespaces,
                'second_connection': 'fence' if nqn == FENCING else 'allow', 'nn': NN}

    def _file_port(self, number):
        address, service = self.places[number]
        return {'portid': number, 'subsystems': self.ports[number], 'addr': {
            'trtype': 'tcp', 'adrfam': 'ipv6' if ':' in address else 'ipv4',
            'traddr': address, 'trsvcid': str(service)}}

    def file(self, **settings):
        ports = [self._file_port(number) for number in sorted(self.ports)]
        ports[0]['referrals'] = [{'name': f'{address}-{service}', 'enable': 1, 'addr': {
            'trtype': 'tcp', 'adrfam': 'ipv6' if ':' in address else 'ipv4', 'traddr': address,
            'trsvcid': str(service), 'portid': '0'}} for address, service in self.referrals]
        return json.dumps({
            'hosts': [{'nqn': host} for host in HOSTS], 'ports': ports,
            'subsystems': [self._file_subsystem(nqn) for nqn in self.subsystems],
            'nvmfd': {**settings,
                      'devices': [{'name': name, 'device': self.device_text(name)}
                                  for name in self.sizes],
                      'subsystems': [self._own_subsystem(nqn) for nqn in self.subsystems],
                      'discovery_only': [str(number) for number, served in self.ports.items()
                                         if not served]}}, indent=1)

    def reread(self):
        """What a reload leaves of what the file has no words for."""
        for s in self.subsystems.values():
            if s.any_host:
                s.hosts.clear()


def serial_of(nqn):
    return nqn.rpartition(':')[2]


# ---- changes -------------------------------------------------------------------------

@dataclasses.dataclass
class Change:
    method: str
    params: dict
    on: Callable            # a World

    def __str__(self):
        return f'{self.method} {json.dumps(self.params)}'


def some(rng, things):
    """One of them, or None."""
    things = sorted(things)
    return rng.choice(things) if things else None


def restless(world):
    return [nqn for nqn in RESTLESS if nqn in world.subsystems]


def place_of(rng, world, fits=lambda ns: True):
    """(NQN, NSID) of one of the namespaces that are nobody's load."""
    return some(rng, [(nqn, nsid) for nqn, s in world.subsystems.items()
                      for nsid, ns in s.namespaces.items() if nsid > 1 and fits(ns)])


def add_ns(rng, world):
    nqn, nsid = some(rng, world.subsystems), rng.randint(2, NN)
    ns = Namespace(some(rng, set(world.sizes) - {'steady-0', 'steady-1'}),
                   rng.random() < 0.2, rng.random() < 0.3)
    if nsid in world.subsystems[nqn].namespaces:
        return None
    return Change('nvmfd_add_ns', {'nqn': nqn, 'nsid': nsid, 'device': ns.device,
                                   'read_only': ns.read_only, 'hidden': ns.hidden,
                                   **identity(nqn, nsid)},
                  lambda w: w.subsystems[nqn].namespaces.update({nsid: ns.copy()}))


def remove_ns(rng, world):
    place = place_of(rng, world)
    if not place:
        return None
    nqn, nsid = place
    return Change('nvmf_subsystem_remove_ns', {'nqn': nqn, 'nsid': nsid},
                  lambda w: w.subsystems[nqn].namespaces.pop(nsid))


def set_ns(rng, world):
    """Another device, read-only, or hidden; one of them at least differs."""
    place = place_of(rng, world)
    if not place:
        return None
    nqn, nsid = place
    ns = world.subsystems[nqn].namespaces[nsid]
    what = rng.choice(('device', 'read_only', 'hidden'))
    value = not getattr(ns, what) if what != 'device' else some(
        rng, set(world.sizes) - {'steady-0', 'steady-1', ns.device})

    def on(w):
        changed = w.subsystems[nqn].namespaces[nsid]
        setattr(changed, what, value)
        if not changed.hidden:
            changed.viewers.clear()
    return Change('nvmfd_set_ns', {'nqn': nqn, 'nsid': nsid, what: value}, on)


def show_ns(rng, world):
    place, host = place_of(rng, world, lambda ns: ns.hidden), some(rng, HOSTS)
    if not place or host in world.subsystems[place[0]].namespaces[place[1]].viewers:
        return None
    nqn, nsid = place
    return Change('nvmf_ns_add_host', {'nqn': nqn, 'nsid': nsid, 'host': host},
                  lambda w: w.subsystems[nqn].namespaces[nsid].viewers.add(host))


def hide_ns(rng, world):
    place = place_of(rng, world, lambda ns: ns.viewers)
    if not place:
        return None
    nqn, nsid = place
    host = some(rng, world.subsystems[nqn].namespaces[nsid].viewers)
    return Change('nvmf_ns_remove_host', {'nqn': nqn, 'nsid': nsid, 'host': host},
                  lambda w: w.subsystems[nqn].namespaces[nsid].viewers.discard(host))


def resize(rng, world):
    name, size = some(rng, RESIZED), rng.randint(1, 8) * MIB
    if size == world.sizes[name]:
        return None
    return Change('nvmfd_resize_device', {'name': name, 'size': size},
                  lambda w: w.sizes.update({name: size}))


def add_device(rng, world):
    name = some(rng, set(PASSING) - set(world.sizes))
    return name and Change('nvmfd_add_device', {'name': name, 'device': f'ramdisk:{MIB}'},
                           lambda w: w.sizes.update({name: MIB}))


def remove_device(rng, world):
    used = {ns.device for s in world.subsystems.values() for ns in s.namespaces.values()}
    name = some(rng, set(PASSING) & set(world.sizes) - used)
    return name and Change('nvmfd_remove_device', {'name': name}, lambda w: w.sizes.pop(name))


def add_subsystem(rng, world):
    nqn = some(rng, set(RESTLESS) - set(world.subsystems))
    any_host = rng.random() < 0.7
    return nqn and Change('nvmfd_add_subsystem', {
        'nqn': nqn, 'serial_number': serial_of(nqn), 'allow_any_host': any_host,
        'max_namespaces': NN, 'second_connection': 'fence' if nqn == FENCING else 'allow'},
        lambda w: w.subsystems.update({nqn: Subsystem(any_host)}))


def remove_subsystem(rng, world):
    nqn = some(rng, restless(world))

    def on(w):
        del w.subsystems[nqn]
        for served in w.ports.values():
            if nqn in served:
                served.remove(nqn)
    return nqn and Change('nvmfd_remove_subsystem', {'nqn': nqn}, on)


def allow_any_host(rng, world):
    nqn, any_host = some(rng, restless(world)), rng.random() < 0.6
    if not nqn or world.subsystems[nqn].any_host == any_host:
        return None

    def on(w):
        w.subsystems[nqn].any_host = any_host
    return Change('nvmf_subsystem_allow_any_host', {'nqn': nqn, 'allow_any_host': any_host}, on)


def add_host(rng, world):
    nqn, host = some(rng, restless(world)), some(rng, HOSTS)
    if not nqn or host in world.subsystems[nqn].hosts:
        return None
    return Change('nvmf_subsystem_add_host', {'nqn': nqn, 'host': host},
                  lambda w: w.subsystems[nqn].hosts.add(host))


def remove_host(rng, world):
    listed = some(rng, [(nqn, host) for nqn in restless(world)
                        for host in world.subsystems[nqn].hosts])
    return listed and Change('nvmf_subsystem_remove_host', {'nqn': listed[0], 'host': listed[1]},
                             lambda w: w.subsystems[listed[0]].hosts.discard(listed[1]))


def add_address(rng, world):
    nqn, prefix = some(rng, restless(world)), some(rng, PREFIXES)
    if not nqn or prefix in world.subsystems[nqn].prefixes:
        return None
    return Change('nvmfd_add_address', {'nqn': nqn, 'address': prefix},
                  lambda w: w.subsystems[nqn].prefixes.add(prefix))


def remove_address(rng, world):
    listed = some(rng, [(nqn, prefix) for nqn in restless(world)
                        for prefix in world.subsystems[nqn].prefixes])
    return listed and Change('nvmfd_remove_address', {'nqn': listed[0], 'address': listed[1]},
                             lambda w: w.subsystems[listed[0]].prefixes.discard(listed[1]))


def add_port(rng, world):
    number = some(rng, set(world.places) - set(world.ports))
    if not number:
        return None
    nqn = some(rng, world.subsystems) if rng.randint(0, 1) else None
    address, service = world.places[number]
    return Change('nvmfd_add_port', {'id': number, 'address': address, 'service': service,
                                     **({'nqn': nqn} if nqn else {})},
                  lambda w: w.ports.update({number: [nqn] if nqn else []}))


def remove_port(rng, world):
    number = some(rng, set(world.ports) - {STEADY_PORT})
    return number and Change('nvmfd_remove_port', {'id': number},
                             lambda w: w.ports.pop(number))


def swap_ports(rng, world):
    """Which no call does: two change places, or one goes to where another one could be."""
    numbers = sorted(set(world.places) - {STEADY_PORT})
    one, other = rng.sample(numbers, 2)

    def on(w):
        w.places[one], w.places[other] = w.places[other], w.places[one]

    return Change('(ports change places)', {'ports': [one, other]}, on)


def link_port(rng, world):
    missing = some(rng, [(number, nqn) for number, served in world.ports.items()
                         for nqn in world.subsystems if nqn not in served])
    return missing and Change('nvmfd_link_port', {'id': missing[0], 'nqn': missing[1]},
                              lambda w: w.ports[missing[0]].append(missing[1]))


def unlink_port(rng, world):
    linked = some(rng, [(number, nqn) for number, served in world.ports.items() for nqn in served
                        if (number, nqn) not in ((STEADY_PORT, s) for s in STEADY)])
    return linked and Change('nvmfd_unlink_port', {'id': linked[0], 'nqn': linked[1]},
                             lambda w: w.ports[linked[0]].remove(linked[1]))


def referral_call(verb, where):
    return f'nvmf_discovery_{verb}_referral', {'address': {
        'trtype': 'TCP', 'traddr': where[0], 'trsvcid': str(where[1])}}


def add_referral(rng, world):
    where = some(rng, set(REFERRALS) - world.referrals)
    return where and Change(*referral_call('add', where), lambda w: w.referrals.add(where))


def remove_referral(rng, world):
    where = some(rng, world.referrals)
    return where and Change(*referral_call('remove', where), lambda w: w.referrals.discard(where))


# As often as they stand here.
CHANGES = (add_ns, add_ns, add_ns, add_ns, remove_ns, remove_ns, set_ns, set_ns, show_ns, show_ns,
           hide_ns, resize, resize, add_device, remove_device, add_subsystem, add_subsystem,
           add_subsystem, remove_subsystem, allow_any_host, add_host, add_host, remove_host,
           add_address, remove_address, remove_address, add_port, add_port, remove_port,
           link_port, link_port, link_port, unlink_port, add_referral, remove_referral)

FILE_CHANGES = (swap_ports, swap_ports)

# What has to be refused, and then changes nothing.
NONSENSE = (
    ('nvmf_subsystem_remove_ns', {'nqn': STEADY[0], 'nsid': NN + 1}),
    ('nvmfd_add_ns', {'nqn': STEADY[0], 'nsid': 1, 'device': 'ram'}),
    ('nvmfd_add_ns', {'nqn': STEADY[0], 'nsid': NN + 1, 'device': 'ram'}),
    ('nvmfd_remove_device', {'name': 'steady-0'}),
    ('nvmfd_add_subsystem', {'nqn': STEADY[1]}),
    ('nvmfd_remove_port', {'id': 999}),
    ('nvmfd_link_port', {'id': STEADY_PORT, 'nqn': STEADY[0]}),
)


def choose(rng, world, by_file=False):
    """A change that this world can have."""
    while True:
        change = rng.choice(CHANGES + by_file * FILE_CHANGES)(rng, world)
        if change:
            return change
