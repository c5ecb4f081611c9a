#include "record/describe.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

void describe_recording(struct capture_header *h, const struct target *first, const char *described)
{
    struct utsname u;

    memset(h, 0, sizeof(*h));
#if defined(__x86_64__)
    h->arch = CAPTURE_X86_64;
#elif defined(__aarch64__)
    h->arch = CAPTURE_ARM64;
#endif
    h->cpus = (uint16_t)sysconf(_SC_NPROCESSORS_ONLN);
    h->target_pid = first->pid;
    if (!uname(&u)) {
        snprintf(h->host, sizeof(h->host), "%.63s", u.nodename);
        snprintf(h->kernel, sizeof(h->kernel), "%.20s %.30s", u.release, u.machine);
    }
    memcpy(h->comm, first->comm, sizeof(h->comm));
    snprintf(h->command, sizeof(h->command), "%.255s", described ? described : "");
}
