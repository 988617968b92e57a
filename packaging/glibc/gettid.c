/* The C library has this wrapper of a system call from 2.30 on only. A library of the log asks for it (to number threads, which
 * this program never does); linked into the packages' program, it lets that start on an older one. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((weak)) int gettid(void) { return (int)syscall(SYS_gettid); }
