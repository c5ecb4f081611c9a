/*
 * crowd: a server that meets very many things for a short time each.
 *
 * Listens on 127.0.0.1 and on the abstract unix socket that its argument names, prints "ready
 * :PORT". A TCP connection is one thread's that reads from it until it is closed: it answers
 * "GET /sleep/MS" after that time, "GET /drip/MS" with its header at once and the body then, and
 * "GET /files/COUNT" when it has made, synced and removed so many files in the folder that its
 * second argument names. Of a unix connection one message is read and sent back.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *folder;

static void make_files(unsigned long count)
{
    char path[4096];

    for (unsigned long i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/file-%lu", folder, i);
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

        if (fd < 0 || write(fd, path, 8) != 8 || fsync(fd) != 0)
            exit(1);
        close(fd);
        unlink(path);
    }
}

static void *serve(void *arg)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    static const char begun[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
    int fd = (int)(intptr_t)arg;
    char text[1024];
    ssize_t n;

    while ((n = read(fd, text, sizeof(text) - 1)) > 0) {
        text[n] = '\0';
        if (strncmp(text, "GET /drip/", 10) == 0) {
            if (send(fd, begun, sizeof(begun) - 1, MSG_NOSIGNAL) < 0)
                break;
            usleep((useconds_t)strtoul(text + 10, NULL, 10) * 1000);
            if (send(fd, "end", 3, MSG_NOSIGNAL) < 0)
                break;
            continue;
        }
        if (strncmp(text, "GET /sleep/", 11) == 0)
            usleep((useconds_t)strtoul(text + 11, NULL, 10) * 1000);
        else if (strncmp(text, "GET /files/", 11) == 0)
            make_files(strtoul(text + 11, NULL, 10));
        if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0)
            break;
    }
    close(fd);
    return NULL;
}

static void *serve_tcp(void *arg)
{
    int listener = (int)(intptr_t)arg;
    pthread_t thread;

    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0 || pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) != 0)
            exit(1);
        pthread_detach(thread);
    }
    return NULL;
}

static void serve_unix(int listener)
{
    char text[64];

    for (;;) {
        int fd = accept(listener, NULL, NULL);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

        if (fd < 0)
            exit(1);
        if (n > 0)
            (void)send(fd, text, (size_t)n, MSG_NOSIGNAL);
        close(fd);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(in);
    int tcp = socket(AF_INET, SOCK_STREAM, 0), local = socket(AF_UNIX, SOCK_STREAM, 0);
    pthread_t thread;

    if (argc != 3 || strlen(argv[1]) + 2 > sizeof(un.sun_path)) {
        fprintf(stderr, "usage: crowd NAME FOLDER\n");
        return 2;
    }
    folder = argv[2];
    memcpy(un.sun_path + 1, argv[1], strlen(argv[1]));
    if (bind(tcp, (void *)&in, sizeof(in)) || listen(tcp, 128) ||
        getsockname(tcp, (void *)&in, &len) ||
        bind(local, (void *)&un,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[1]))) ||
        listen(local, 128))
        return 1;
    printf("ready :%d\n", ntohs(in.sin_port));
    fflush(stdout);
    if (pthread_create(&thread, NULL, serve_tcp, (void *)(intptr_t)tcp) != 0)
        return 1;
    serve_unix(local);
    return 0;
}
