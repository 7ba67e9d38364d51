/* SPDX-License-Identifier: BSD-2-Clause */
#include "backend/file_probe.h"
#include "backend/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_MIN 512u
#define BLOCK_MAX 4096u

/* udev holds a block device's lock for a moment after each change. */
#define LOCK_TRIES 20
#define LOCK_PAUSE_NS 100000000

/* What one probe passes around. */
struct probe {
	struct file_facts *facts;
	const struct backend_spec *spec;
	struct stat st;
	uint32_t direct_offset;		/* what O_DIRECT asks of offsets */
	char *error;
	size_t error_size;
};

/* The sentence; answers the errno. */
static int refuse(struct probe *p, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct probe *p, int r, const char *format, ...)
{
	va_list args;
	int n = snprintf(p->error, p->error_size, "%s ", p->spec->path);

	va_start(args, format);
	if (n > 0 && (size_t)n < p->error_size)
		vsnprintf(p->error + n, p->error_size - (size_t)n, format, args);
	va_end(args);
	return r;
}

/* Before it is opened: opening a FIFO would wait, a tape would turn. */
static int check_type(struct probe *p)
{
	mode_t m = p->st.st_mode;

	if (S_ISREG(m) || S_ISBLK(m))
		return 0;
	if (S_ISDIR(m))
		return refuse(p, -EISDIR, "is a directory");
	return refuse(p, -EINVAL, "is neither a regular file nor a block "
		      "device but a %s", S_ISCHR(m) ? "character device" :
		      S_ISFIFO(m) ? "FIFO" : "socket");
}

static int explain_open(struct probe *p, int e)
{
	bool is_write = !p->spec->read_only;

	if (e == EBUSY)
		return refuse(p, -e, "is in use: mounted, served already, or "
			      "part of another device");
	if (e == EINVAL && p->spec->direct)
		return refuse(p, -e, "lies on a filesystem without direct I/O");
	if (is_write && (e == EROFS || e == EACCES || e == EPERM) &&
	    !access(p->spec->path, R_OK))
		return refuse(p, -e, "can't be opened for writing (%s); with "
			      "?ro it is served read-only", strerror(e));
	return refuse(p, -e, "can't be opened: %s", strerror(e));
}

static int open_file(struct probe *p)
{
	int flags = O_CLOEXEC | (p->spec->read_only ? O_RDONLY : O_RDWR);

	if (p->spec->direct)
		flags |= O_DIRECT;
	/* Without O_CREAT it is defined for block devices: nobody else may have
	 * it mounted or claimed. */
	if (S_ISBLK(p->st.st_mode) && !p->spec->read_only)
		flags |= O_EXCL;
	p->facts->fd = open(p->spec->path, flags);
	if (p->facts->fd < 0)
		return explain_open(p, errno);
	if (fstat(p->facts->fd, &p->st))
		return refuse(p, -errno, "can't be examined: %s",
			      strerror(errno));
	return check_type(p);
}

/* Linux opens a read-only device for writing, and fails the writes. */
static int check_writable(struct probe *p)
{
	int is_read_only = 0;

	if (p->spec->read_only || !S_ISBLK(p->st.st_mode) ||
	    ioctl(p->facts->fd, BLKROGET, &is_read_only) || !is_read_only)
		return 0;
	return refuse(p, -EROFS, "is a read-only device; with ?ro it is served "
		      "read-only");
}

static int lock_file(struct probe *p)
{
	int how = (p->spec->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB;
	int tries = S_ISBLK(p->st.st_mode) ? LOCK_TRIES : 1;

	while (tries--) {
		if (!flock(p->facts->fd, how))
			return 0;
		if (tries)
			nanosleep(&(struct timespec){ .tv_nsec = LOCK_PAUSE_NS },
				  NULL);
	}
	if (errno == EWOULDBLOCK)
		return refuse(p, -EBUSY, "is served already, here or by "
			      "another program that locked it");
	return refuse(p, -errno, "can't be locked: %s", strerror(errno));
}

int file_size(int fd, uint64_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	*size = (uint64_t)st.st_size;
	return S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, size) ? -errno : 0;
}

static int find_size(struct probe *p)
{
	int r = file_size(p->facts->fd, &p->facts->size);

	if (r)
		return refuse(p, r, "does not tell its size: %s", strerror(-r));
	if (!p->facts->size)
		return refuse(p, -EINVAL, "is empty");
	return 0;
}

/* 0: unknown. */
static uint32_t read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned int n = 0;

	if (f && fscanf(f, "%u", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

/* Of a disk, the one that a regular file lies on among others; a partition's numbers are
 * its disk's.  0: none (tmpfs, NFS, overlays...). */
static uint32_t queue_number(dev_t device, const char *name)
{
	static const char *const places[] = { "", "../" };
	uint32_t n = 0;
	char path[128];

	for (int i = 0; !n && i < 2; i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%squeue/%s",
			 major(device), minor(device), places[i], name);
		n = read_number(path);
	}
	return n;
}

static uint32_t physical_of(struct probe *p)
{
	unsigned int n = 0;

	if (!S_ISBLK(p->st.st_mode))
		return queue_number(p->st.st_dev, "physical_block_size");
	return ioctl(p->facts->fd, BLKPBSZGET, &n) ? 0 : n;
}

/* The kernel's own word, from Linux 6.1 on and not for every filesystem.
 * False: it says nothing. */
#ifdef STATX_DIOALIGN
static bool has_told_alignment(struct probe *p)
{
	struct statx x;

	if (statx(p->facts->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &x) ||
	    !(x.stx_mask & STATX_DIOALIGN))
		return false;
	p->facts->memory_alignment = x.stx_dio_mem_align;
	p->direct_offset = x.stx_dio_offset_align;
	return true;
}
#else
static bool has_told_alignment(struct probe *p)
{
	return false;
}
#endif

/* What is always right where nothing is known. */
static void assume_alignment(struct probe *p)
{
	int sector = 0;

	p->facts->memory_alignment = 4096;
	p->direct_offset = 4096;
	if (S_ISBLK(p->st.st_mode) &&
	    !ioctl(p->facts->fd, BLKSSZGET, &sector) && sector > 0)
		p->direct_offset = (uint32_t)sector;
}

static int find_alignment(struct probe *p)
{
	p->facts->memory_alignment = 1;
	if (!p->spec->direct)
		return 0;
	if (!has_told_alignment(p))
		assume_alignment(p);
	if (!p->direct_offset)
		return refuse(p, -EINVAL, "lies on a filesystem without "
			      "direct I/O");
	if (p->direct_offset > BLOCK_MAX)
		return refuse(p, -EINVAL, "has sectors of %u bytes: too large "
			      "for direct I/O", p->direct_offset);
	return 0;
}

/* By number: linux/magic.h has not had all of them for long. */
static int find_filesystem(struct probe *p)
{
	static const unsigned int blocking[] = {
		0x65735546,	/* FUSE: seen to block in a direct read */
		0x6969,		/* NFS */
		0xff534d42, 0xfe534d42, 0x517b,		/* CIFS, SMB2, SMB */
		0x01021997,	/* 9P */
		0x00c36400,	/* Ceph */
		0x5346414f, 0x6b414653,			/* AFS, its new client */
		0x786f4256,	/* VirtualBox's shared folders */
	};
	struct statfs fs;

	if (S_ISBLK(p->st.st_mode) || fstatfs(p->facts->fd, &fs))
		return 0;
	for (size_t i = 0; i < sizeof(blocking) / sizeof(blocking[0]); i++)
		p->facts->may_block |= (unsigned int)fs.f_type == blocking[i];
	return 0;
}

/* Stripes, or zones.  Of a partition that begins within one, nothing can be said. */
static uint32_t boundary_of(dev_t device)
{
	uint32_t sectors = queue_number(device, "chunk_sectors");
	char path[64];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/start", major(device), minor(device));
	return sectors > UINT32_MAX / 512 || (sectors && read_number(path) % sectors) ?
	       0 : sectors * 512;
}

/* A filesystem writes and frees its own blocks. */
static int find_preferences(struct probe *p)
{
	if (S_ISBLK(p->st.st_mode)) {
		p->facts->write_unit = queue_number(p->st.st_rdev, "minimum_io_size");
		p->facts->write_optimal = queue_number(p->st.st_rdev, "optimal_io_size");
		p->facts->deallocate_unit = queue_number(p->st.st_rdev, "discard_granularity");
		p->facts->io_boundary = boundary_of(p->st.st_rdev);
	} else {
		p->facts->write_unit = (uint32_t)p->st.st_blksize;
		p->facts->deallocate_unit = (uint32_t)p->st.st_blksize;
	}
	return 0;
}

static int find_blocks(struct probe *p)
{
	uint32_t physical = physical_of(p), suits, size = p->spec->block_size;

	suits = physical < BLOCK_MIN ? BLOCK_MIN :
		physical > BLOCK_MAX ? BLOCK_MAX : physical;
	if (suits < p->direct_offset)
		suits = p->direct_offset;
	p->facts->physical_block = physical;
	p->facts->block_size = size ? size : suits;
	if (p->facts->block_size < p->direct_offset)
		return refuse(p, -EINVAL, "takes direct I/O in units of %u "
			      "bytes: a block size of %u is too small",
			      p->direct_offset, size);
	if (p->facts->size % p->facts->block_size)
		return refuse(p, -EINVAL, "has %llu bytes: no multiple of the "
			      "block size, %u%s",
			      (unsigned long long)p->facts->size,
			      p->facts->block_size, size ? "" :
			      " as of the storage underneath (see the key bs)");
	return 0;
}

static int probe_all(struct probe *p)
{
	static int (*const steps[])(struct probe *) = {
		check_type, open_file, check_writable, lock_file, find_size,
		find_filesystem, find_alignment, find_blocks, find_preferences,
	};
	int r = 0;

	if (stat(p->spec->path, &p->st))
		return refuse(p, -errno, "can't be opened: %s",
			      strerror(errno));
	for (size_t i = 0; !r && i < sizeof(steps) / sizeof(steps[0]); i++)
		r = steps[i](p);
	return r;
}

int file_probe(struct file_facts *facts, const struct backend_spec *spec,
	       char *error, size_t error_size)
{
	struct probe p = { .facts = facts, .spec = spec, .error = error,
			   .error_size = error_size };
	int r;

	*facts = (struct file_facts){ .fd = -1 };
	r = probe_all(&p);
	if (r && facts->fd >= 0)
		close(facts->fd);
	return r;
}
