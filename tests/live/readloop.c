/*
 * readloop: what a read() that does not block costs.
 *
 * Prints "ready PID"; then at every line on standard input reads one byte from /dev/zero COUNT
 * times (its argument) and prints the nanoseconds that took.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
    unsigned long count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    int zero = open("/dev/zero", O_RDONLY);
    char line[16], byte;

    if (!count || zero < 0) {
        fprintf(stderr, "usage: readloop COUNT\n");
        return 2;
    }
    printf("ready %d\n", (int)getpid());
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        uint64_t begin = now_ns();

        for (unsigned long i = 0; i < count; i++)
            if (read(zero, &byte, 1) != 1)
                return 1;
        printf("%lu\n", (unsigned long)(now_ns() - begin));
        fflush(stdout);
    }
    return 0;
}
