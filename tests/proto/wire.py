# SPDX-License-Identifier: BSD-2-Clause
"""NVMe/TCP on the wire, written from the specifications alone.

Nothing here is shared with the C code, so that a mistake has to be made twice
to go unseen.  Everything is bytes in, values out; no sockets.

Sources: NVMe Base 1.4, NVMe over Fabrics 1.1 (Connect, properties, discovery),
NVMe/TCP transport 1.0 (PDUs, digests).
"""
import dataclasses
import enum
import struct

# --- CRC32C, reflected polynomial 82F63B78h, as RFC 3720 B.4 -----------------


def _crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_CRC = _crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    table = _CRC
    for byte in bytes(data):
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def digest(data):
    return struct.pack('<I', crc32c(data))


# --- PDUs --------------------------------------------------------------------

class Pdu(enum.IntEnum):
    ICREQ = 0
    ICRESP = 1
    H2C_TERM = 2
    C2H_TERM = 3
    CMD = 4
    RSP = 5
    H2C_DATA = 6
    C2H_DATA = 7
    R2T = 9


HEADER_LENGTH = {Pdu.ICREQ: 128, Pdu.ICRESP: 128, Pdu.H2C_TERM: 24,
                 Pdu.C2H_TERM: 24, Pdu.CMD: 72, Pdu.RSP: 24,
                 Pdu.H2C_DATA: 24, Pdu.C2H_DATA: 24, Pdu.R2T: 24}

HDGST, DDGST, LAST, SUCCESS = 1, 2, 4, 8


class Fes(enum.IntEnum):
    """Fatal error status of a termination request."""
    INVALID_HEADER_FIELD = 1
    SEQUENCE_ERROR = 2
    HEADER_DIGEST_ERROR = 3
    OUT_OF_RANGE = 4
    LIMIT_EXCEEDED = 5
    UNSUPPORTED_PARAMETER = 6


@dataclasses.dataclass
class PduIn:
    """A received PDU; `header` is common and specific header together."""
    type: int
    flags: int
    pdo: int
    plen: int
    header: bytes
    data: bytes


def common_header(kind, flags, hlen, pdo, plen):
    return struct.pack('<BBBBI', kind, flags, hlen, pdo, plen)


def build_pdu(kind, specific, data=b'', *, flags=0, hdgst=False, ddgst=False,
              align=4, wrong=None):
    """One PDU.  `specific` is the header after its first 8 bytes.

    `wrong` overrides what goes on the wire: type, flags, hlen, pdo, plen
    (fields), hdgst, ddgst (XORed into the digest), data_digest=bytes.
    """
    wrong = wrong or {}
    hlen = 8 + len(specific)
    head = hlen + (4 if hdgst else 0)
    pdo = -(-head // align) * align if data else 0
    plen = pdo + len(data) + (4 if ddgst else 0) if data else head
    flags |= (HDGST if hdgst else 0) | (DDGST if ddgst and data else 0)
    header = common_header(wrong.get('type', kind), wrong.get('flags', flags),
                           wrong.get('hlen', hlen), wrong.get('pdo', pdo),
                           wrong.get('plen', plen)) + specific
    out = bytearray(header)
    if hdgst:
        out += struct.pack('<I', crc32c(header) ^ wrong.get('hdgst', 0))
    if data:
        out += bytes(pdo - head) + data
        if ddgst:
            out += struct.pack('<I', crc32c(data) ^ wrong.get('ddgst', 0))
    return bytes(out)


def icreq(*, pfv=0, hpda=0, digests=0, maxr2t=0, wrong=None):
    specific = struct.pack('<HBBI112x', pfv, hpda, digests, maxr2t)
    return build_pdu(Pdu.ICREQ, specific, wrong=wrong)


def transfer_header(cccid, ttag, offset, length):
    """H2CData, C2HData and R2T have one layout; C2HData has no tag."""
    return struct.pack('<HHII4x', cccid, ttag, offset, length)


def term_header(fes, fei):
    return struct.pack('<HI10x', fes, fei)


# --- statuses: status code type << 8 | status code ---------------------------

class Sc(enum.IntEnum):
    SUCCESS = 0x000
    INVALID_OPCODE = 0x001
    INVALID_FIELD = 0x002
    CID_CONFLICT = 0x003
    DATA_TRANSFER_ERROR = 0x004
    INTERNAL_ERROR = 0x006
    ABORTED_BY_REQUEST = 0x007
    ABORTED_SQ_DELETION = 0x008
    FAILED_FUSED = 0x009
    MISSING_FUSED = 0x00A
    INVALID_NAMESPACE = 0x00B
    SEQUENCE_ERROR = 0x00C
    INVALID_SGL_COUNT = 0x00E
    DATA_SGL_LENGTH = 0x00F
    SGL_TYPE = 0x011
    ATOMIC_WRITE_UNIT_EXCEEDED = 0x014
    SGL_OFFSET = 0x016
    KEEP_ALIVE_EXPIRED = 0x019
    KEEP_ALIVE_INVALID = 0x01A
    WRITE_PROTECTED = 0x020
    TRANSIENT_TRANSPORT_ERROR = 0x022
    LBA_OUT_OF_RANGE = 0x080
    CAPACITY_EXCEEDED = 0x081
    INVALID_QID = 0x101
    ABORT_LIMIT_EXCEEDED = 0x103
    ASYNC_LIMIT = 0x105
    INVALID_LOG_PAGE = 0x109
    FEATURE_NOT_SAVEABLE = 0x10D
    FEATURE_NOT_CHANGEABLE = 0x10E
    FEATURE_NOT_NAMESPACE = 0x10F
    COMMAND_SET_NOT_SUPPORTED = 0x129
    COMMAND_SETS_REJECTED = 0x12B
    CONNECT_INCOMPATIBLE_FORMAT = 0x180
    CONTROLLER_BUSY = 0x181
    CONNECT_INVALID_PARAMETERS = 0x182
    CONNECT_INVALID_HOST = 0x184
    INVALID_QUEUE_TYPE = 0x185
    # Of Copy; some codes have another name on other commands.
    COMMAND_SIZE_LIMIT = 0x183
    INCOMPATIBLE_NAMESPACE = 0x185
    OVERLAPPING_RANGE = 0x187
    WRITE_FAULT = 0x280
    UNRECOVERED_READ_ERROR = 0x281
    COMPARE_FAILURE = 0x285


@dataclasses.dataclass
class Cqe:
    dw0: int
    dw1: int
    sqhd: int
    sqid: int
    cid: int
    status: int

    @classmethod
    def unpack(cls, data):
        return cls(*struct.unpack('<IIHHHH', data))

    @property
    def sc(self):
        """Status code type and status code, comparable with Sc."""
        return (self.status >> 1) & 0x7FF

    @property
    def more(self):
        return bool(self.status & 0x4000)

    @property
    def dnr(self):
        return bool(self.status & 0x8000)

    def __str__(self):
        try:
            name = Sc(self.sc).name
        except ValueError:
            name = f'{self.sc:03X}h'
        return f'{name}{" DNR" if self.dnr else ""} dw0={self.dw0:#x}'


# --- submission queue entries ------------------------------------------------

SGL_IN_CAPSULE = 0x01   # data block, offset
SGL_TRANSPORT = 0x5A    # transport data block, transport specific
PSDT_SGL = 0x40         # PSDT 01b, as fabrics demands
PSDT_SGL_MPTR = 0x80    # PSDT 10b, also legal


def sgl(kind, length, address=0):
    return struct.pack('<QI3xB', address, length, kind)


@dataclasses.dataclass
class Sqe:
    """A command before it has an identifier.  sgl=None: the queue chooses."""
    opcode: int
    nsid: int = 0
    cdw10: int = 0
    cdw11: int = 0
    cdw12: int = 0
    cdw13: int = 0
    cdw14: int = 0
    cdw15: int = 0
    flags: int = PSDT_SGL
    mptr: int = 0
    sgl: bytes = None

    def pack(self, cid, descriptor):
        return struct.pack('<BBHIQQ16sIIIIII', self.opcode, self.flags, cid,
                           self.nsid, 0, self.mptr, descriptor, self.cdw10,
                           self.cdw11, self.cdw12, self.cdw13, self.cdw14,
                           self.cdw15)


class Admin(enum.IntEnum):
    DELETE_SQ = 0x00
    CREATE_SQ = 0x01
    GET_LOG_PAGE = 0x02
    DELETE_CQ = 0x04
    CREATE_CQ = 0x05
    IDENTIFY = 0x06
    ABORT = 0x08
    SET_FEATURES = 0x09
    GET_FEATURES = 0x0A
    ASYNC_EVENT = 0x0C
    KEEP_ALIVE = 0x18
    FABRICS = 0x7F


class Nvm(enum.IntEnum):
    FLUSH = 0x00
    WRITE = 0x01
    READ = 0x02
    WRITE_UNCORRECTABLE = 0x04
    COMPARE = 0x05
    WRITE_ZEROES = 0x08
    DATASET_MANAGEMENT = 0x09
    VERIFY = 0x0C
    RESERVATION_REGISTER = 0x0D
    RESERVATION_REPORT = 0x0E
    RESERVATION_ACQUIRE = 0x11
    RESERVATION_RELEASE = 0x15
    COPY = 0x19


class Fabrics(enum.IntEnum):
    PROPERTY_SET = 0x00
    CONNECT = 0x01
    PROPERTY_GET = 0x04
    AUTH_SEND = 0x05
    AUTH_RECEIVE = 0x06
    DISCONNECT = 0x08


class Prop(enum.IntEnum):
    CAP = 0x00
    VS = 0x08
    CC = 0x14
    CSTS = 0x1C
    NSSR = 0x20
    CRTO = 0x68


class Feature(enum.IntEnum):
    ARBITRATION = 0x01
    POWER_MANAGEMENT = 0x02
    TEMPERATURE_THRESHOLD = 0x04
    ERROR_RECOVERY = 0x05
    VOLATILE_WRITE_CACHE = 0x06
    NUMBER_OF_QUEUES = 0x07
    WRITE_ATOMICITY = 0x0A
    ASYNC_EVENT_CONFIG = 0x0B
    TIMESTAMP = 0x0E
    KEEP_ALIVE_TIMER = 0x0F
    HOST_BEHAVIOR = 0x16
    COMMAND_SET_PROFILE = 0x19
    HOST_IDENTIFIER = 0x81
    WRITE_PROTECTION = 0x84


class Log(enum.IntEnum):
    SUPPORTED = 0x00
    ERROR = 0x01
    HEALTH = 0x02
    FIRMWARE = 0x03
    CHANGED_NAMESPACES = 0x04
    EFFECTS = 0x05
    FEATURE_EFFECTS = 0x12
    MI_EFFECTS = 0x13
    DISCOVERY = 0x70


def fabrics(fctype, **dwords):
    """FCTYPE stands where other commands have the low byte of NSID."""
    return Sqe(Admin.FABRICS, nsid=fctype, **dwords)


def connect(qid=0, sqsize=31, *, recfmt=0, cattr=0, kato=0, **more):
    return fabrics(Fabrics.CONNECT, cdw10=recfmt | qid << 16,
                   cdw11=sqsize | cattr << 16, cdw12=kato, **more)


def connect_data(subnqn, hostnqn, hostid, cntlid=0xFFFF):
    return struct.pack('<16sH238x256s256s256x', hostid, cntlid,
                       as_bytes(subnqn), as_bytes(hostnqn))


def property_get(offset, size):
    return fabrics(Fabrics.PROPERTY_GET, cdw10=size // 8, cdw11=offset)


def property_set(offset, value, size=4):
    return fabrics(Fabrics.PROPERTY_SET, cdw10=size // 8, cdw11=offset,
                   cdw12=value & 0xFFFFFFFF, cdw13=value >> 32)


def disconnect(recfmt=0):
    return fabrics(Fabrics.DISCONNECT, cdw10=recfmt)


class Cns(enum.IntEnum):
    NAMESPACE = 0x00
    CONTROLLER = 0x01
    ACTIVE_LIST = 0x02
    DESCRIPTORS = 0x03
    SET_NAMESPACE = 0x05
    SET_CONTROLLER = 0x06
    SET_ACTIVE_LIST = 0x07
    ANY_NAMESPACE = 0x08
    ATTACHED_CONTROLLERS = 0x12
    CONTROLLERS = 0x13
    UUID_LIST = 0x17
    COMMAND_SETS = 0x1C


def identify(cns, nsid=0, cntid=0, csi=0, uuid_index=0):
    return Sqe(Admin.IDENTIFY, nsid, cdw10=cns | cntid << 16, cdw11=csi << 24,
               cdw14=uuid_index)


def get_log_page(lid, dwords, *, offset=0, nsid=0xFFFFFFFF, rae=False,
                 cdw14=0):
    """`dwords` is a count; the field on the wire is 0's based."""
    numd = dwords - 1
    return Sqe(Admin.GET_LOG_PAGE, nsid,
               cdw10=lid | rae << 15 | (numd & 0xFFFF) << 16,
               cdw11=numd >> 16, cdw12=offset & 0xFFFFFFFF,
               cdw13=offset >> 32, cdw14=cdw14)


def set_features(fid, value, *, nsid=0, save=False, uuid_index=0):
    return Sqe(Admin.SET_FEATURES, nsid, cdw10=fid | save << 31, cdw11=value,
               cdw14=uuid_index)


class Select(enum.IntEnum):
    CURRENT = 0
    DEFAULT = 1
    SAVED = 2
    SUPPORTED = 3


def get_features(fid, *, nsid=0, select=0, value=0, uuid_index=0):
    return Sqe(Admin.GET_FEATURES, nsid, cdw10=fid | select << 8, cdw11=value,
               cdw14=uuid_index)


FUA = 1 << 30
FUSED_FIRST, FUSED_SECOND = 1, 2    # of an Sqe's flags


def read(nsid, slba, blocks, flags=0):
    return _read_write(Nvm.READ, nsid, slba, blocks, flags)


def write(nsid, slba, blocks, flags=0):
    return _read_write(Nvm.WRITE, nsid, slba, blocks, flags)


def _read_write(opcode, nsid, slba, blocks, flags):
    return Sqe(opcode, nsid, cdw10=slba & 0xFFFFFFFF, cdw11=slba >> 32,
               cdw12=(blocks - 1) & 0xFFFF | flags)


def write_uncorrectable(nsid, slba, blocks):
    return _read_write(Nvm.WRITE_UNCORRECTABLE, nsid, slba, blocks, 0)


def flush(nsid):
    return Sqe(Nvm.FLUSH, nsid)


def compare(nsid, slba, blocks, flags=0):
    return _read_write(Nvm.COMPARE, nsid, slba, blocks, flags)


def verify(nsid, slba, blocks, flags=0):
    return _read_write(Nvm.VERIFY, nsid, slba, blocks, flags)


DEAC = 1 << 25
DSM_DEALLOCATE = 4


def write_zeroes(nsid, slba, blocks, flags=0):
    return _read_write(Nvm.WRITE_ZEROES, nsid, slba, blocks, flags)


def manage(nsid, ranges, attributes=DSM_DEALLOCATE):
    """Dataset Management of so many ranges; dsm_ranges makes its data."""
    return Sqe(Nvm.DATASET_MANAGEMENT, nsid, cdw10=ranges - 1, cdw11=attributes)


def dsm_ranges(*ranges):
    """Of (slba, blocks)."""
    return b''.join(struct.pack('<IIQ', 0, blocks, slba) for slba, blocks in ranges)


def copy(nsid, target, ranges, form=0, flags=0):
    """Of so many ranges; copy_ranges makes its data."""
    return Sqe(Nvm.COPY, nsid, cdw10=target & 0xFFFFFFFF, cdw11=target >> 32,
               cdw12=(ranges - 1) & 0xFF | form << 8 | flags)


def copy_ranges(*ranges):
    """Of (slba, blocks), or with format 2 (slba, blocks, nsid)."""
    return b''.join(struct.pack('<I4xQH14x', nsid[0] if nsid else 0, slba, blocks - 1)
                    for slba, blocks, *nsid in ranges)


# --- data structures: names to (offset, format) ------------------------------

CONTROLLER = {
    'vid': (0, 'H'), 'ssvid': (2, 'H'), 'sn': (4, '20s'), 'mn': (24, '40s'),
    'fr': (64, '8s'), 'cmic': (76, 'B'), 'mdts': (77, 'B'),
    'cntlid': (78, 'H'), 'ver': (80, 'I'), 'oaes': (92, 'I'),
    'ctratt': (96, 'I'), 'cntrltype': (111, 'B'), 'oacs': (256, 'H'),
    'acl': (258, 'B'), 'aerl': (259, 'B'), 'frmw': (260, 'B'),
    'lpa': (261, 'B'), 'elpe': (262, 'B'), 'npss': (263, 'B'),
    'avscc': (264, 'B'), 'apsta': (265, 'B'), 'rpmbs': (312, 'I'),
    'wctemp': (266, 'H'), 'cctemp': (268, 'H'),
    'dsto': (318, 'B'), 'kas': (320, 'H'), 'hctma': (322, 'H'),
    'sanicap': (328, 'I'), 'anacap': (343, 'B'), 'anagrpmax': (344, 'I'),
    'nanagrpid': (348, 'I'), 'cqt': (386, 'H'), 'sqes': (512, 'B'), 'cqes': (513, 'B'),
    'maxcmd': (514, 'H'), 'nn': (516, 'I'), 'oncs': (520, 'H'),
    'fuses': (522, 'H'), 'fna': (524, 'B'), 'vwc': (525, 'B'),
    'cdfs': (534, 'H'),
    'awun': (526, 'H'), 'awupf': (528, 'H'), 'nwpc': (531, 'B'),
    'acwu': (532, 'H'), 'sgls': (536, 'I'), 'mnan': (540, 'I'),
    'subnqn': (768, '256s'), 'ioccsz': (1792, 'I'), 'iorcsz': (1796, 'I'),
    'icdoff': (1800, 'H'), 'fcatt': (1802, 'B'), 'msdbd': (1803, 'B'),
    'ofcs': (1804, 'H'), 'dctype': (1806, 'B'),
}

# CNS 06h of the NVM command set, and CNS 08h.
NVM_CONTROLLER = {
    'vsl': (0, 'B'), 'wzsl': (1, 'B'), 'wusl': (2, 'B'), 'dmrl': (3, 'B'),
    'dmrsl': (4, 'I'), 'dmsl': (8, 'Q'), 'aocs': (18, 'H'), 'ver': (20, 'I'),
}

ANY_NAMESPACE = {
    'nsfeat': (0, 'B'), 'nmic': (1, 'B'), 'rescap': (2, 'B'), 'fpi': (3, 'B'),
    'anagrpid': (4, 'I'), 'nsattr': (8, 'B'), 'nstat': (14, 'B'),
}

NAMESPACE = {
    'nsze': (0, 'Q'), 'ncap': (8, 'Q'), 'nuse': (16, 'Q'), 'nsfeat': (24, 'B'),
    'nlbaf': (25, 'B'), 'flbas': (26, 'B'), 'mc': (27, 'B'), 'dpc': (28, 'B'),
    'dps': (29, 'B'), 'nmic': (30, 'B'), 'rescap': (31, 'B'),
    'dlfeat': (33, 'B'), 'nawun': (34, 'H'), 'nawupf': (36, 'H'),
    'nacwu': (38, 'H'), 'noiob': (46, 'H'), 'npwg': (64, 'H'), 'npwa': (66, 'H'),
    'npdg': (68, 'H'), 'npda': (70, 'H'), 'nows': (72, 'H'),
    'mssrl': (74, 'H'), 'mcl': (76, 'I'), 'msrc': (80, 'B'), 'nsattr': (99, 'B'), 'nguid': (104, '16s'),
    'eui64': (120, '8s'), 'lbaf0': (128, 'I'),
}

HEALTH = {
    'critical_warning': (0, 'B'), 'temperature': (1, 'H'),
    'available_spare': (3, 'B'), 'spare_threshold': (4, 'B'),
    'data_units_read': (32, '16s'), 'data_units_written': (48, '16s'),
    'host_reads': (64, '16s'), 'host_writes': (80, '16s'),
    'busy_time': (96, '16s'), 'power_cycles': (112, '16s'),
    'power_on_hours': (128, '16s'), 'unsafe_shutdowns': (144, '16s'),
    'media_errors': (160, '16s'), 'error_entries': (176, '16s'),
}

ERROR_ENTRY = {
    'count': (0, 'Q'), 'sqid': (8, 'H'), 'cid': (10, 'H'), 'status': (12, 'H'),
    'location': (14, 'H'), 'lba': (16, 'Q'), 'nsid': (24, 'I'), 'vendor': (28, 'B'),
    'trtype': (29, 'B'), 'csi': (30, 'B'), 'opcode': (31, 'B'), 'specific': (32, 'Q'),
    'transport': (40, 'H'), 'version': (63, 'B'),
}

DISCOVERY_HEADER = {'genctr': (0, 'Q'), 'numrec': (8, 'Q'), 'recfmt': (16, 'H')}

DISCOVERY_ENTRY = {
    'trtype': (0, 'B'), 'adrfam': (1, 'B'), 'subtype': (2, 'B'),
    'treq': (3, 'B'), 'portid': (4, 'H'), 'cntlid': (6, 'H'),
    'asqsz': (8, 'H'), 'eflags': (10, 'H'), 'trsvcid': (32, '32s'),
    'subnqn': (256, '256s'), 'traddr': (512, '256s'), 'sectype': (768, 'B'),
}


class Fields:
    """Attribute access to a little-endian structure described by a table."""

    def __init__(self, layout, data):
        self.raw = bytes(data)
        for name, (offset, form) in layout.items():
            value, = struct.unpack_from('<' + form, self.raw, offset)
            setattr(self, name, value)


def u128(data):
    return int.from_bytes(data, 'little')


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()
