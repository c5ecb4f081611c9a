/*
 * calls: the system calls a thread can wait in, with a number of our own that is the same on
 * every machine, the kernel's numbers, and what the call waits for.
 *
 * CALL(number, name, x86-64, arm64, class), numbers never reused; -1 where the machine has no
 * such call. Kernel numbers: arch/x86/entry/syscalls/syscall_64.tbl and
 * include/uapi/asm-generic/unistd.h of Linux.
 */
#ifndef BPF_CALLS_H
#define BPF_CALLS_H

/* What a call waits for, and so where its object is found and what state the wait is. */
enum call_class {
    CALL_CLASS_NONE = 0,
    CALL_CLASS_FD,      /* one descriptor, the first argument: blocked */
    CALL_CLASS_OUT_IN,  /* sendfile: out descriptor first, in descriptor second: blocked */
    CALL_CLASS_SPLICE,  /* in descriptor first, out descriptor third: blocked */
    CALL_CLASS_PATH,    /* the path that is the first argument: blocked */
    CALL_CLASS_PATHAT,  /* the path that is the second argument: blocked */
    CALL_CLASS_IO,      /* no single object: blocked */
    CALL_CLASS_POLL,    /* pollfd array, count: yielded over several, blocked over one */
    CALL_CLASS_SELECT,  /* highest + 1, three sets: as poll */
    CALL_CLASS_EPOLL,   /* one descriptor that stands for many: yielded */
    CALL_CLASS_YIELD,   /* a multiplexed wait with no descriptor: yielded */
    CALL_CLASS_FUTEX,   /* address, operation: lock */
    CALL_CLASS_LOCK,    /* lock, no single address */
    CALL_CLASS_SLEEP,   /* sleep */
    CALL_CLASS_RESTART, /* restart_syscall: the call before the signal, which is not known */
    CALL_CLASS_OTHER,   /* other */
};

#define CALLS(CALL)                               \
    CALL(1, read, 0, 63, FD)                      \
    CALL(2, write, 1, 64, FD)                     \
    CALL(3, readv, 19, 65, FD)                    \
    CALL(4, writev, 20, 66, FD)                   \
    CALL(5, pread64, 17, 67, FD)                  \
    CALL(6, pwrite64, 18, 68, FD)                 \
    CALL(7, preadv, 295, 69, FD)                  \
    CALL(8, pwritev, 296, 70, FD)                 \
    CALL(9, preadv2, 327, 286, FD)                \
    CALL(10, pwritev2, 328, 287, FD)              \
    CALL(11, recvfrom, 45, 207, FD)               \
    CALL(12, sendto, 44, 206, FD)                 \
    CALL(13, recvmsg, 47, 212, FD)                \
    CALL(14, sendmsg, 46, 211, FD)                \
    CALL(15, recvmmsg, 299, 243, FD)              \
    CALL(16, sendmmsg, 307, 269, FD)              \
    CALL(17, accept, 43, 202, FD)                 \
    CALL(18, accept4, 288, 242, FD)               \
    CALL(19, connect, 42, 203, FD)                \
    CALL(20, shutdown, 48, 210, FD)               \
    CALL(21, close, 3, 57, FD)                    \
    CALL(22, fsync, 74, 82, FD)                   \
    CALL(23, fdatasync, 75, 83, FD)               \
    CALL(24, sync_file_range, 277, 84, FD)        \
    CALL(25, syncfs, 306, 267, FD)                \
    CALL(26, sync, 162, 81, IO)                   \
    CALL(27, flock, 73, 32, FD)                   \
    CALL(28, fcntl, 72, 25, FD)                   \
    CALL(29, ioctl, 16, 29, FD)                   \
    CALL(30, fallocate, 285, 47, FD)              \
    CALL(31, ftruncate, 77, 46, FD)               \
    CALL(32, getdents64, 217, 61, FD)             \
    CALL(33, fstat, 5, 80, FD)                    \
    CALL(34, lseek, 8, 62, FD)                    \
    CALL(35, readahead, 187, 213, FD)             \
    CALL(36, fadvise64, 221, 223, FD)             \
    CALL(37, sendfile, 40, 71, OUT_IN)            \
    CALL(38, splice, 275, 76, SPLICE)             \
    CALL(39, tee, 276, 77, FD)                    \
    CALL(40, vmsplice, 278, 75, FD)               \
    CALL(41, copy_file_range, 326, 285, SPLICE)   \
    CALL(42, open, 2, -1, PATH)                   \
    CALL(43, creat, 85, -1, PATH)                 \
    CALL(44, openat, 257, 56, PATHAT)             \
    CALL(45, openat2, 437, 437, PATHAT)           \
    CALL(46, stat, 4, -1, PATH)                   \
    CALL(47, lstat, 6, -1, PATH)                  \
    CALL(48, newfstatat, 262, 79, PATHAT)         \
    CALL(49, statx, 332, 291, PATHAT)             \
    CALL(50, access, 21, -1, PATH)                \
    CALL(51, faccessat, 269, 48, PATHAT)          \
    CALL(52, faccessat2, 439, 439, PATHAT)        \
    CALL(53, readlink, 89, -1, PATH)              \
    CALL(54, readlinkat, 267, 78, PATHAT)         \
    CALL(55, unlink, 87, -1, PATH)                \
    CALL(56, unlinkat, 263, 35, PATHAT)           \
    CALL(57, rename, 82, -1, PATH)                \
    CALL(58, renameat, 264, 38, PATHAT)           \
    CALL(59, renameat2, 316, 276, PATHAT)         \
    CALL(60, mkdir, 83, -1, PATH)                 \
    CALL(61, mkdirat, 258, 34, PATHAT)            \
    CALL(62, rmdir, 84, -1, PATH)                 \
    CALL(63, link, 86, -1, PATH)                  \
    CALL(64, linkat, 265, 37, PATHAT)             \
    CALL(65, symlink, 88, -1, PATH)               \
    CALL(66, symlinkat, 266, 36, PATHAT)          \
    CALL(67, truncate, 76, 45, PATH)              \
    CALL(68, chmod, 90, -1, PATH)                 \
    CALL(69, chown, 92, -1, PATH)                 \
    CALL(70, statfs, 137, 43, PATH)               \
    CALL(71, execve, 59, 221, PATH)               \
    CALL(72, execveat, 322, 281, PATHAT)          \
    CALL(73, poll, 7, -1, POLL)                   \
    CALL(74, ppoll, 271, 73, POLL)                \
    CALL(75, select, 23, -1, SELECT)              \
    CALL(76, pselect6, 270, 72, SELECT)           \
    CALL(77, epoll_wait, 232, -1, EPOLL)          \
    CALL(78, epoll_pwait, 281, 22, EPOLL)         \
    CALL(79, epoll_pwait2, 441, 441, EPOLL)       \
    CALL(80, io_uring_enter, 426, 426, EPOLL)     \
    CALL(81, io_getevents, 208, 4, YIELD)         \
    CALL(82, io_pgetevents, 333, 292, YIELD)      \
    CALL(83, futex, 202, 98, FUTEX)               \
    CALL(84, futex_wait, 455, 455, FUTEX)         \
    CALL(85, futex_waitv, 449, 449, LOCK)         \
    CALL(86, nanosleep, 35, 101, SLEEP)           \
    CALL(87, clock_nanosleep, 230, 115, SLEEP)    \
    CALL(88, wait4, 61, 260, OTHER)               \
    CALL(89, waitid, 247, 95, OTHER)              \
    CALL(90, pause, 34, -1, OTHER)                \
    CALL(91, rt_sigsuspend, 130, 133, OTHER)      \
    CALL(92, rt_sigtimedwait, 128, 137, OTHER)    \
    CALL(93, semop, 65, 193, OTHER)               \
    CALL(94, semtimedop, 220, 192, OTHER)         \
    CALL(95, msgrcv, 70, 188, OTHER)              \
    CALL(96, msgsnd, 69, 189, OTHER)              \
    CALL(97, mq_timedreceive, 243, 183, FD)       \
    CALL(98, mq_timedsend, 242, 182, FD)          \
    CALL(99, mmap, 9, 222, OTHER)                 \
    CALL(100, munmap, 11, 215, OTHER)             \
    CALL(101, mprotect, 10, 226, OTHER)           \
    CALL(102, brk, 12, 214, OTHER)                \
    CALL(103, madvise, 28, 233, OTHER)            \
    CALL(104, mremap, 25, 216, OTHER)             \
    CALL(105, msync, 26, 227, IO)                 \
    CALL(106, clone, 56, 220, OTHER)              \
    CALL(107, clone3, 435, 435, OTHER)            \
    CALL(108, vfork, 58, -1, OTHER)               \
    CALL(109, exit, 60, 93, OTHER)                \
    CALL(110, exit_group, 231, 94, OTHER)         \
    CALL(111, sched_yield, 24, 124, OTHER)        \
    CALL(112, restart_syscall, 219, 128, RESTART) \
    CALL(113, membarrier, 324, 283, OTHER)        \
    CALL(114, io_uring_register, 427, 427, OTHER) \
    CALL(115, epoll_ctl, 233, 21, OTHER)          \
    CALL(116, rt_sigreturn, 15, 139, OTHER)       \
    CALL(117, ptrace, 101, 117, OTHER)            \
    CALL(118, mount, 165, 40, IO)                 \
    CALL(119, umount2, 166, 39, IO)               \
    CALL(120, setxattr, 188, 5, PATH)             \
    CALL(121, getxattr, 191, 8, PATH)             \
    CALL(122, fsetxattr, 190, 7, FD)              \
    CALL(123, fgetxattr, 193, 10, FD)             \
    CALL(124, utimensat, 280, 88, PATHAT)         \
    CALL(125, fchmod, 91, 52, FD)                 \
    CALL(126, fchown, 93, 55, FD)                 \
    CALL(127, mlockall, 151, 230, OTHER)          \
    CALL(128, mlock, 149, 228, OTHER)             \
    CALL(129, socket, 41, 198, OTHER)             \
    CALL(130, keyctl, 250, 219, OTHER)            \
    CALL(131, getrandom, 318, 278, OTHER)         \
    CALL(132, fork, 57, -1, OTHER)

#define CALL_ENUM(number, name, x86, arm64, class) CALL_##name = (number),
enum call { CALL_NONE = 0, CALLS(CALL_ENUM) CALL_COUNT };
#undef CALL_ENUM

#endif
