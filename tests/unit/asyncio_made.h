/*
 * asyncio_made: what a loop of asyncio's says of its tasks, made by hand. Thread 7 is the loop; A's
 * task is 601, B's is 602; 603 and up are others.
 */
#ifndef TESTS_UNIT_ASYNCIO_MADE_H
#define TESTS_UNIT_ASYNCIO_MADE_H

#include "analysis_made.h"

#define A SOCKET(1)
#define B SOCKET(2)
#define C SOCKET(3)
#define BACKEND SOCKET(9)
#define EPOLL ANON(1)
#define COLD FILE_OBJ(1)
#define WARM FILE_OBJ(2)

static inline void tasks_init(struct made *m, uint64_t end)
{
    made_init(m, end);
    accepted(m, 5, A);
    accepted(m, 5, B);
    accepted(m, 5, C);
    attach_waiting(m, 0, 7, 7, CALL_epoll_wait, EPOLL);
}

static inline void yields(struct made *m, uint64_t off, uint64_t wake)
{
    waits(m, 7, off, wake, wake, CALL_epoll_wait, EPOLL);
}

static inline void steps(struct made *m, uint64_t t, uint64_t task)
{
    says(m, t, 7, task, WORK_RESUME, WORK_TASK);
}

/* A request is read, and a task made for it. */
static inline void asks(struct made *m, uint64_t t, uint64_t conn, const char *request,
                        uint64_t task)
{
    receives(m, t, 7, conn, t - 5, request);
    says(m, t + 5, 7, task, WORK_SUBMIT, WORK_TASK);
}

static inline void tasks_finish(struct made *m, uint64_t end, uint64_t off)
{
    end_waiting(m, end, 7, 7, off, CALL_epoll_wait, EPOLL);
    made_finish(m);
}

#endif
