/*
 * A server in io_uring's newest manner, for names and objects that are harder to come by: one
 * accept and one receive for each connection that go on and on (multishot), into buffers that the
 * kernel chooses from a ring of them, over connections that have no descriptor but a place in the
 * ring's own table; and completions that are held back until the thread enters.
 *
 *     multishot [sqpoll]
 *
 * It says "listening on 127.0.0.1:PORT", and answers 200 to whatever it receives.
 */
#include "samples/uring.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#define BUFFERS 256
#define BUFFER_SIZE 2048
#define CONNECTIONS 256

enum op { ACCEPT, RECEIVE, SEND, CLOSE };

static struct uring ring;
static struct io_uring_buf_ring *queue;
static char *memory;
static uint16_t queue_tail;
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";

static void buffer_give(unsigned int id)
{
    struct io_uring_buf *buffer = &queue->bufs[queue_tail & (BUFFERS - 1)];

    buffer->addr = (uintptr_t)(memory + (size_t)id * BUFFER_SIZE);
    buffer->len = BUFFER_SIZE;
    buffer->bid = (uint16_t)id;
    __atomic_store_n(&queue->tail, ++queue_tail, __ATOMIC_RELEASE);
}

static struct io_uring_sqe *slip(enum op op, unsigned int place)
{
    uint64_t tag = (uint64_t)op << 32 | place;
    struct io_uring_sqe *sqe = uring_slip(&ring, (void *)(uintptr_t)tag);

    sqe->fd = (int)place;
    sqe->flags = IOSQE_FIXED_FILE;
    return sqe;
}

static void accept_all(int listener)
{
    struct io_uring_sqe *sqe = slip(ACCEPT, 0);

    sqe->opcode = IORING_OP_ACCEPT;
    sqe->flags = 0;
    sqe->fd = listener;
    sqe->ioprio = IORING_ACCEPT_MULTISHOT;
    sqe->file_index = IORING_FILE_INDEX_ALLOC;
}

static void receive_all(unsigned int place)
{
    struct io_uring_sqe *sqe = slip(RECEIVE, place);

    sqe->opcode = IORING_OP_RECV;
    sqe->ioprio = IORING_RECV_MULTISHOT;
    sqe->flags |= IOSQE_BUFFER_SELECT;
}

static void finish(const struct io_uring_cqe *done, int listener)
{
    enum op op = (enum op)(done->user_data >> 32);
    unsigned int place = (unsigned int)done->user_data;
    struct io_uring_sqe *sqe;

    if (op == ACCEPT && done->res >= 0)
        receive_all((unsigned int)done->res);
    if (op == ACCEPT && !(done->flags & IORING_CQE_F_MORE))
        accept_all(listener);
    if (op != RECEIVE)
        return;
    if (done->res > 0) {
        buffer_give(done->flags >> IORING_CQE_BUFFER_SHIFT);
        sqe = slip(SEND, place);
        sqe->opcode = IORING_OP_SEND;
        sqe->addr = (uintptr_t)answer;
        sqe->len = sizeof(answer) - 1;
    }
    if (!(done->flags & IORING_CQE_F_MORE)) { /* the end, or out of buffers: as well the end */
        sqe = slip(CLOSE, 0);
        sqe->opcode = IORING_OP_CLOSE;
        sqe->flags = 0;
        sqe->file_index = place + 1;
    }
}

static int ring_make(unsigned int flags)
{
    struct io_uring_buf_reg buffers = {.ring_entries = BUFFERS};
    int files[CONNECTIONS];
    int error = uring_init(&ring, 1024, flags);

    if (error)
        return error;
    memory = mmap(NULL, (size_t)BUFFERS * (BUFFER_SIZE + sizeof(struct io_uring_buf)),
                  PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -ENOMEM;
    queue = (struct io_uring_buf_ring *)(memory + (size_t)BUFFERS * BUFFER_SIZE);
    buffers.ring_addr = (uintptr_t)queue;
    memset(files, -1, sizeof(files));
    if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_PBUF_RING, &buffers, 1) ||
        syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES, files, CONNECTIONS))
        return -errno;
    for (unsigned int i = 0; i < BUFFERS; i++)
        buffer_give(i);
    return 0;
}

int main(int argc, char **argv)
{
    bool sqpoll = argc > 1 && strcmp(argv[1], "sqpoll") == 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = ring_make(sqpoll ? IORING_SETUP_SQPOLL
                                 : IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);

    if (error || bind(listener, (void *)&address, len) || listen(listener, 128) ||
        getsockname(listener, (void *)&address, &len)) {
        fprintf(stderr, "multishot: %s\n", strerror(error ? -error : errno));
        return 1;
    }
    printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    for (accept_all(listener);;) {
        unsigned int head;

        error = uring_submit(&ring, 1);
        if (error && error != -EINTR)
            return 1;
        while (head = *ring.done_head, head != __atomic_load_n(ring.done_tail, __ATOMIC_ACQUIRE)) {
            finish(&ring.results[head & *ring.done_mask], listener);
            __atomic_store_n(ring.done_head, head + 1, __ATOMIC_RELEASE);
        }
    }
}
