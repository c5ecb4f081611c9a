/* What ends a recording, and how a command is told to. */
#include "record/ending.h"
#include "record/signals.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define S 1000000000ull
#define START (100 * S)

struct made {
    struct record_options options;
    struct record_result result;
    struct target_command command;
    struct ending ending;
};

static void made_init(struct made *m)
{
    memset(m, 0, sizeof(*m));
    m->ending = (struct ending){
        .options = &m->options, .result = &m->result, .signals = -1, .start_ns = START};
}

/* A command that does what the signals say, or with `ignores` nothing at SIGTERM. It stands at its
 * pipe until the test ends, unless it is let go and ends by itself. */
static int made_command(struct made *m, bool ignores)
{
    int ready[2], go[2];
    char byte;

    assert_int_equal(pipe(ready) + pipe(go), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGTERM, ignores ? SIG_IGN : SIG_DFL);
        close(go[1]);
        _exit(write(ready[1], "", 1) == 1 && read(go[0], &byte, 1) == 0 ? 3 : 4);
    }
    close(ready[1]);
    close(go[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    m->command.target.pid = (uint32_t)pid;
    m->options.command = &m->command;
    return go[1];
}

/* Looks until the command has ended, which takes it a moment of real time. */
static void look_until_ended(struct made *m, uint64_t now_ns)
{
    const struct timespec moment = {0, 1000000};

    for (int i = 0; i < 5000 && !m->ending.ended; i++) {
        ending_look(&m->ending, 1, 0, now_ns);
        nanosleep(&moment, NULL);
    }
    assert_true(m->ending.ended);
}

static void test_limits(void **state)
{
    (void)state;
    struct made m;

    made_init(&m);
    ending_look(&m.ending, 1, UINT64_MAX, START + 1000 * S); /* there is none */
    assert_false(m.ending.ended);
    m.options.duration_ns = 10 * S;
    m.options.max_bytes = 1000;
    ending_look(&m.ending, 1, 999, START + 10 * S - 1);
    assert_false(m.ending.ended);
    ending_look(&m.ending, 1, 1000, START + 1);
    assert_true(m.ending.ended);
    assert_int_equal(m.result.end, RECORD_END_SIZE);
    made_init(&m);
    m.options.duration_ns = 10 * S;
    ending_look(&m.ending, 1, 0, START + 10 * S);
    assert_true(m.ending.ended);
    assert_int_equal(m.result.end, RECORD_END_DURATION);
}

static void test_target_is_gone(void **state)
{
    (void)state;
    struct made m;

    made_init(&m);
    m.options.duration_ns = S; /* over, too: what is told is the more certain of the two */
    ending_look(&m.ending, 0, 0, START + 2 * S);
    assert_true(m.ending.ended);
    assert_int_equal(m.result.end, RECORD_END_TARGET);
}

static void test_signals(void **state)
{
    (void)state;
    struct made m;

    made_init(&m);
    m.ending.signals = signals_open(true, NULL);
    assert_true(m.ending.signals >= 0);
    ending_take_signals(&m.ending, START);
    assert_false(m.ending.ended || m.ending.window_wanted);
    kill(getpid(), SIGUSR1);
    ending_take_signals(&m.ending, START);
    assert_true(m.ending.window_wanted);
    assert_false(m.ending.ended);
    kill(getpid(), SIGTERM);
    ending_take_signals(&m.ending, START);
    assert_true(m.ending.ended);
    assert_int_equal(m.result.end, RECORD_END_SIGNAL);
    assert_int_equal(m.result.signal, SIGTERM);
    close(m.ending.signals);
}

static void test_command_ends(void **state)
{
    (void)state;
    struct made m;

    made_init(&m);
    int go = made_command(&m, false);
    ending_look(&m.ending, 0, 0, START); /* none of its threads has been seen yet */
    assert_false(m.ending.ended);
    close(go);
    look_until_ended(&m, START);
    assert_int_equal(m.result.end, RECORD_END_TARGET);
    assert_int_equal(m.result.exit_status, 3);
}

static void test_command_is_told_to_end(void **state)
{
    (void)state;
    struct made m;

    made_init(&m);
    int go = made_command(&m, false);
    m.options.duration_ns = S;
    look_until_ended(&m, START + S);
    assert_int_equal(m.result.end, RECORD_END_DURATION);
    assert_int_equal(m.result.exit_status, 128 + SIGTERM);
    close(go);
}

/* It has five seconds, or until somebody asks a second time. */
static void test_command_is_killed(void **state)
{
    (void)state;
    struct made m;

    for (int again = 0; again < 2; again++) {
        made_init(&m);
        int go = made_command(&m, true);
        m.ending.signals = signals_open(true, NULL);
        kill(getpid(), SIGTERM);
        ending_take_signals(&m.ending, START);
        ending_look(&m.ending, 1, 0, START + 5 * S - 1);
        assert_false(m.ending.ended);
        if (again) {
            kill(getpid(), SIGTERM);
            ending_take_signals(&m.ending, START + S);
        }
        look_until_ended(&m, again ? START + S : START + 5 * S);
        assert_int_equal(m.result.end, RECORD_END_SIGNAL);
        assert_int_equal(m.result.exit_status, 128 + SIGKILL);
        close(m.ending.signals);
        close(go);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_target_is_gone),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_command_ends),
        cmocka_unit_test(test_command_is_told_to_end),
        cmocka_unit_test(test_command_is_killed),
    };

    signals_block();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
