/* Files: named whole or not at all. And the page, which is one of them. */
#include "output_scene.h"

#include "output/html.h"
#include "output/output.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FOLDER "/tmp/waitscope-test-XXXXXX"
static char folder[] = FOLDER;

static int set_up(void **state)
{
    static struct timeline tl;
    memcpy(folder, FOLDER, sizeof(FOLDER));
    if (!mkdtemp(folder))
        return -1;
    scene_init(&tl);
    *state = &tl;
    return chdir(folder);
}

/* Entries of the folder: temporary files would count. */
static unsigned entries(void)
{
    unsigned count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *d; (d = readdir(dir));)
        count += d->d_name[0] != '.' || strlen(d->d_name) > 2;
    closedir(dir);
    return count;
}

static int tear_down(void **state)
{
    DIR *dir = opendir(folder);
    for (struct dirent *d; dir && (d = readdir(dir));)
        unlinkat(dirfd(dir), d->d_name, 0);
    if (dir)
        closedir(dir);
    timeline_release(*state);
    return chdir("/") < 0 ? -1 : rmdir(folder);
}

static void read_back(const char *path, struct buf *out)
{
    char bytes[4096];
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    for (ssize_t n; (n = read(fd, bytes, sizeof(bytes))) > 0;)
        buf_add(out, bytes, (size_t)n);
    close(fd);
}

static void test_suffixes(void **state)
{
    (void)state;
    static const char *const known[] = {"a.json", "a.json.gz", "a.html", "./x/y.html", "a.b.json"};
    static const char *const unknown[] = {"a",       "a.wsc",    "a.gz", "a.JSON",  ".json",
                                          "x/.html", ".json.gz", "",     "a.json/", "json"};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        assert_true(output_suffix_known(known[i]));
    for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
        assert_false(output_suffix_known(unknown[i]));
}

static void test_writes_each_form(void **state)
{
    static const struct {
        const char *path;
        int (*output)(const struct timeline *tl, struct buf *out);
    } forms[] = {{"a.json", output_json}, {"a.json.gz", output_json_gz}, {"a.html", output_html}};
    umask(0); /* the mode comes from the program */
    for (size_t i = 0; i < 3; i++) {
        struct err e = {0};
        struct buf wanted = BUF_INIT, got = BUF_INIT;
        struct stat st;
        assert_int_equal(output_write(*state, forms[i].path, &e), 0);
        assert_string_equal(e.text, "");
        assert_int_equal(forms[i].output(*state, &wanted), 0);
        read_back(forms[i].path, &got);
        assert_int_equal(got.len, wanted.len);
        assert_memory_equal(got.data, wanted.data, got.len);
        assert_int_equal(lstat(forms[i].path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(st.st_nlink, 1);
        buf_release(&wanted);
        buf_release(&got);
    }
    assert_int_equal(entries(), 3);
}

static void test_never_overwrites(void **state)
{
    struct err e = {0};
    struct stat st;
    assert_int_equal(output_write(*state, "a.json", NULL), 0);
    assert_int_equal(lstat("a.json", &st), 0);
    assert_int_equal(output_write(*state, "a.json", &e), -EEXIST);
    assert_non_null(strstr(e.text, "a.json"));
    assert_int_equal(symlink("target", "b.json"), 0);
    assert_int_equal(output_write(*state, "b.json", NULL), -EEXIST);
    assert_int_equal(access("target", F_OK), -1);
    assert_int_equal(mkdir("c.json", 0700), 0);
    assert_int_equal(output_write(*state, "c.json", NULL), -EEXIST);
    assert_int_equal(entries(), 3);
    assert_int_equal(rmdir("c.json"), 0);
}

static void test_bad_names(void **state)
{
    struct err e = {0};
    assert_int_equal(output_write(*state, "a.txt", &e), -EINVAL);
    assert_int_equal(e.exit_code, EXIT_USAGE);
    assert_int_equal(output_write(*state, "no/such/a.json", NULL), -ENOENT);
    char name[300];
    memset(name, 'x', sizeof(name));
    snprintf(name + 260, 6, ".json");
    assert_int_equal(output_write(*state, name, NULL), -ENAMETOOLONG);
    assert_int_equal(entries(), 0);
    /* As long as a name may be: the temporary one is not longer. */
    snprintf(name + 250, 6, ".json");
    assert_int_equal(output_write(*state, name, NULL), 0);
    assert_int_equal(entries(), 1);
}

/* A write that fails half-way leaves nothing: as with a full disk, by a limit on the file's size.
 */
static void test_failed_write_leaves_nothing(void **state)
{
    struct rlimit before, small = {512, RLIM_INFINITY};
    struct err e = {0};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int ret = output_write(*state, "a.json", &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(ret, -EFBIG);
    assert_non_null(strstr(e.text, "a.json"));
    assert_int_equal(entries(), 0);
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *p = strstr(text, what); p; p = strstr(p + 1, what))
        n++;
    return n;
}

static void test_page_holds_the_data(void **state)
{
    static const char page[] = "<html><body>before<!--waitscope-data-->after</body></html>";
    struct buf out = BUF_INIT, packed = BUF_INIT;
    assert_int_equal(html_fill(page, strlen(page), &(struct html_part){.tl = *state}, 1, &out), 0);
    assert_int_equal(output_json_gz(*state, &packed), 0);
    const char *open = "before<script type=\"application/x-waitscope\" id=\"waitscope-data\">";
    const char *data = strstr(buf_str(&out), open);
    assert_non_null(data);
    data += strlen(open);
    const char *end = strstr(data, "</script>after</body></html>");
    assert_non_null(end);
    assert_int_equal(end - data, (packed.len + 2) / 3 * 4);
    /* The first bytes of gzip in base64, and only its alphabet. */
    assert_memory_equal(data, "H4sI", 4);
    assert_int_equal(
        strspn(data, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="),
        end - data);
    buf_release(&out);
    buf_release(&packed);
}

/* Two that are compared: one behind the other, and their names as text in an attribute. */
static void test_page_of_two(void **state)
{
    static const char page[] = "<html>before<!--waitscope-data-->after</html>";
    const struct html_part parts[] = {{*state, "a\"><script>\033.wsc"}, {*state, "b&b.wsc"}};
    struct buf out = BUF_INIT;
    assert_int_equal(html_fill(page, strlen(page), parts, 2, &out), 0);
    const char *a = strstr(buf_str(&out), "before<script type=\"application/x-waitscope\" "
                                          "id=\"waitscope-data\" data-name=\"a&quot;&gt;&lt;"
                                          "script&gt;\\x1b.wsc\">H4sI");
    const char *b = strstr(buf_str(&out), "</script><script type=\"application/x-waitscope\" "
                                          "id=\"waitscope-data-b\" data-name=\"b&amp;b.wsc\">H4sI");
    assert_non_null(a);
    assert_non_null(b);
    assert_true(a < b);
    assert_int_equal(count(buf_str(&out), "<script"), 2);
    assert_non_null(strstr(b, "</script>after</html>"));
    buf_release(&out);
}

static void test_page_without_a_place(void **state)
{
    static const char page[] = "<html></html>";
    struct buf out = BUF_INIT;
    assert_int_equal(html_fill(page, strlen(page), &(struct html_part){.tl = *state}, 1, &out),
                     -EINVAL);
    assert_int_equal(out.len, 0);
    buf_release(&out);
}

/* The page that the program carries is whole, has the place once, and after it one set of data. */
static void test_carried_page(void **state)
{
    struct buf out = BUF_INIT;
    size_t len = (size_t)(page_html_end - page_html);
    assert_int_equal(strlen(page_html), len);
    assert_int_equal(count(page_html, HTML_MARK), 1);
    assert_int_equal(output_html(*state, &out), 0);
    assert_int_equal(strncmp(buf_str(&out), "<!doctype html>", 15), 0);
    assert_int_equal(count(buf_str(&out), "id=\"waitscope-data\""), 1);
    assert_int_equal(count(buf_str(&out), HTML_MARK), 0);
    assert_non_null(strstr(buf_str(&out), "</html>"));
    buf_release(&out);
}

/* Each length of a last group of base64. */
static void test_base64_of_each_length(void **state)
{
    struct timeline *tl = *state;
    static const char page[] = HTML_MARK;
    unsigned seen[3] = {0};
    char command[64] = "";
    for (unsigned i = 0; i < 60 && !(seen[0] && seen[1] && seen[2]); i++) {
        struct buf out = BUF_INIT, packed = BUF_INIT;
        snprintf(command, sizeof(command), "%*s%u", (int)(i % 40), "", i * 7919);
        tl->command = timeline_intern(tl, command);
        assert_int_equal(output_json_gz(tl, &packed), 0);
        assert_int_equal(html_fill(page, strlen(page), &(struct html_part){.tl = tl}, 1, &out), 0);
        const char *end = strstr(buf_str(&out), "</script>");
        unsigned padding = (unsigned)(3 - packed.len % 3) % 3;
        assert_int_equal((end[-1] == '=') + (end[-2] == '='), padding);
        seen[padding]++;
        buf_release(&out);
        buf_release(&packed);
    }
    assert_true(seen[0] && seen[1] && seen[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suffixes),
        cmocka_unit_test_setup_teardown(test_writes_each_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_never_overwrites, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failed_write_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_page_holds_the_data, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_page_of_two, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_page_without_a_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_carried_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_base64_of_each_length, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
