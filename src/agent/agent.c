/*
 * agent: makes a JVM tell which coroutine of Kotlin's each of its threads turns to. waitscope
 * loads it into a running JVM, when asked to (record --precise=agent), for nothing outside of a
 * JVM can see that: what a coroutine goes on with is code without symbols in no file.
 *
 * Kotlin's standard library calls three empty functions of kotlin.coroutines.jvm.internal.
 * DebugProbesKt, for debuggers: when a coroutine is created, resumed and suspended. The agent gives
 * that class another body, as kotlinx-coroutines-debug does; all that its methods do is to call one
 * of the functions below, where a uprobe sits:
 *
 *     waitscope_coroutine_made       this thread has made a coroutine, and hands it to a dispatcher
 *     waitscope_coroutine_launched   the same, one that is no child of another
 *     waitscope_coroutine_resumed    this thread turns to a coroutine
 *     waitscope_coroutine_suspended  and leaves it, for it waits
 *     waitscope_coroutine_passed     or for a dispatcher has it now: it moves to another one
 *                                    (withContext), or a block of it is done, and what comes behind
 *                                    that is handed over
 *     waitscope_coroutine_ready      this thread has what a coroutine waits for, and hands it to
 *                                    its dispatcher
 *
 * The argument is the coroutine: a number of its own, which launch and async give and withContext
 * and suspending functions keep; or COROUTINE_UNKNOWN for one that was there before.
 *
 * To be told of the end of a block its completion, which is what the block is resumed into, is put
 * into a Completion that passes everything on. Sequences are coroutines too, but on one thread
 * alone, and are left out.
 *
 * That a coroutine is ready nothing tells debuggers. So a call is put in front of those methods of
 * kotlinx.coroutines through which it is handed to its dispatcher then: of what can be cancelled
 * (delay, channels, await), of what cannot (suspendCoroutine), of a scope whose last child is done,
 * and of yield(). A version of the library that has none of them, or a class that is not
 * understood, is left as it is.
 *
 * While no uprobe wants to know (the kernel counts them in waitscope_coroutines_wanted, and takes
 * them away when waitscope ends, however it ends) the classes are as they were: looked at when the
 * agent is loaded again, and when they are loaded. Until then what was put in returns at once.
 *
 * Only the first class loader that has Kotlin is served. No libc: JVMs have different ones, and
 * the few functions of it that are used are looked up in the JVM's own.
 */
#include "agent/classfile.h"
#include "agent/jvm.h"
#include "agent/patch.h"

#include <stdatomic.h>
#include <string.h>

#define PACKAGE "kotlin/coroutines/jvm/internal/"
#define PROBES PACKAGE "DebugProbesKt"
/* In Kotlin's own package, and so in its module: nothing else needs to be opened for it. */
#define COMPLETION PACKAGE "WaitscopeCompletion"
#define COMPLETION_DOTS "kotlin.coroutines.jvm.internal.WaitscopeCompletion"
#define CONTINUATION "kotlin/coroutines/Continuation"
#define CONTEXT "kotlin/coroutines/CoroutineContext"
#define FRAME PACKAGE "CoroutineStackFrame"
#define BASE PACKAGE "BaseContinuationImpl"
#define TASK "kotlinx/coroutines/DispatchedTask"

#define OF(name) "L" name ";"
#define CREATED_TYPE "(" OF(CONTINUATION) ")" OF(CONTINUATION)
#define PROBE_TYPE "(" OF(CONTINUATION) ")V"
#define READY_TYPE "(Ljava/lang/Object;)V"
#define YIELD_TYPE "(" OF(CONTEXT) "Ljava/lang/Object;)V"

#define COROUTINE_UNKNOWN UINT64_MAX
/* So many frames deep a coroutine may be suspended, and still be known. */
#define FRAMES_MAX 1024

/* A function for a uprobe to sit at: the kernel turns a nop of 5 bytes into a call (since 6.18). */
#if defined(__x86_64__)
#define HOOK_CODE ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n\tret"
#else
#define HOOK_CODE "nop\n\tret"
#endif
#define HOOK(name)                                                                              \
    void name(uint64_t coroutine);                                                              \
    __asm__(".text\n\t.globl " #name "\n\t.type " #name ", %function\n" #name ":\n\t" HOOK_CODE \
            "\n\t.size " #name ", . - " #name)

HOOK(waitscope_coroutine_made);
HOOK(waitscope_coroutine_launched);
HOOK(waitscope_coroutine_resumed);
HOOK(waitscope_coroutine_suspended);
HOOK(waitscope_coroutine_passed);
HOOK(waitscope_coroutine_ready);

#define SHOWN __attribute__((visibility("default")))

/* Counted by the kernel, in memory of the file's: not among what begins with zeros. */
SHOWN __attribute__((section(".probes"))) volatile uint16_t waitscope_coroutines_wanted;

static struct {
    jvmtiEnv *ti;
    jobject loader; /* of Kotlin; NULL: the first of all */
    jobject completion, base, frame, sequence;
    jobject coroutine_class; /* of kotlinx; NULL: not seen yet */
    struct method *get_caller, *get_parent;
    struct field *of_frame; /* a frame's completion; a call of its getter takes ten times as long */
    struct field *delegate, *coroutine;
    atomic_bool ready;
    bool failed;
} jvm;

static atomic_ullong last_coroutine;
/* Of this thread, since it turned to something: coroutines, 0 for none. */
static _Thread_local struct {
    uint64_t handed; /* a block of it was made, and goes to a dispatcher next if to any */
    uint64_t moved;  /* and did */
    uint64_t left;   /* it was suspended; each function it was in says so */
    uint64_t in;     /* it is in that one; each function that goes on says so */
} last;

static bool threw(JNIEnv *e)
{
    if (!(*e)->ExceptionCheck(e))
        return false;
    (*e)->ExceptionClear(e);
    return true;
}

static jobject ask(JNIEnv *e, jobject whom, struct method *what)
{
    jobject answer = (*e)->CallObjectMethodA(e, whom, what, NULL);
    return threw(e) ? NULL : answer;
}

/* The coroutine that `at` is a frame or a completion of; 0: of none. */
static uint64_t coroutine_of(JNIEnv *e, jobject at)
{
    jobject first = at, next;

    for (int n = 0; at && n < FRAMES_MAX; n++, at = next) {
        if ((*e)->IsInstanceOf(e, at, jvm.completion))
            return (uint64_t)(*e)->GetLongField(e, at, jvm.coroutine);
        if ((*e)->IsInstanceOf(e, at, jvm.base))
            next = (*e)->GetObjectField(e, at, jvm.of_frame);
        else if ((*e)->IsInstanceOf(e, at, jvm.frame))
            next = ask(e, at, jvm.get_caller);
        else
            next = NULL;
        if (!next)
            return (*e)->IsInstanceOf(e, at, jvm.sequence) ? 0 : COROUTINE_UNKNOWN;
        if (at != first)
            (*e)->DeleteLocalRef(e, at);
    }
    return COROUTINE_UNKNOWN;
}

/* Is it a child of another coroutine, which is not done before it is? Else what made it goes on
 * without it, as behind GlobalScope.launch. */
static bool is_child(JNIEnv *e, jobject completion)
{
    if (!jvm.coroutine_class || !(*e)->IsInstanceOf(e, completion, jvm.coroutine_class))
        return true;
    jobject parent = ask(e, completion, jvm.get_parent);
    return parent && (*e)->IsInstanceOf(e, parent, jvm.coroutine_class);
}

static jobject created(JNIEnv *e, jobject class, jobject completion)
{
    (void)class;
    if (!waitscope_coroutines_wanted || !completion)
        return completion;
    uint64_t coroutine = coroutine_of(e, completion);
    if (!coroutine)
        return completion;
    bool begins = coroutine == COROUTINE_UNKNOWN;
    if (begins)
        coroutine = atomic_fetch_add(&last_coroutine, 1) + 1;
    jobject wrapped = (*e)->AllocObject(e, jvm.completion);
    if (threw(e) || !wrapped)
        return completion;
    (*e)->SetObjectField(e, wrapped, jvm.delegate, completion);
    (*e)->SetLongField(e, wrapped, jvm.coroutine, (int64_t)coroutine);
    last.handed = coroutine;
    if (begins && is_child(e, completion))
        waitscope_coroutine_made(coroutine);
    else if (begins)
        waitscope_coroutine_launched(coroutine);
    return wrapped;
}

static void resumed(JNIEnv *e, jobject class, jobject frame)
{
    (void)class;
    uint64_t coroutine = waitscope_coroutines_wanted ? coroutine_of(e, frame) : 0;
    if (!coroutine)
        return;
    bool known = coroutine == last.in && coroutine != COROUTINE_UNKNOWN;
    memset(&last, 0, sizeof(last));
    last.in = coroutine;
    if (!known)
        waitscope_coroutine_resumed(coroutine);
}

static void suspended(JNIEnv *e, jobject class, jobject frame)
{
    (void)class;
    uint64_t coroutine = waitscope_coroutines_wanted ? coroutine_of(e, frame) : 0;
    if (!coroutine || coroutine == last.left)
        return;
    last.left = coroutine;
    last.in = 0;
    if (coroutine == last.moved)
        waitscope_coroutine_passed(coroutine);
    else
        waitscope_coroutine_suspended(coroutine);
}

static void ready(JNIEnv *e, jobject class, jobject task)
{
    (void)class;
    uint64_t coroutine = waitscope_coroutines_wanted && task ? coroutine_of(e, task) : 0;
    if (coroutine && coroutine == last.handed)
        last.moved = coroutine;
    else if (coroutine)
        waitscope_coroutine_ready(coroutine);
    last.handed = 0;
}

static void done(JNIEnv *e, jobject completion)
{
    if (!waitscope_coroutines_wanted)
        return;
    last.in = 0;
    last.handed = (uint64_t)(*e)->GetLongField(e, completion, jvm.coroutine);
    waitscope_coroutine_passed(last.handed);
}

static jobject caller_frame(JNIEnv *e, jobject completion)
{
    jobject delegate = (*e)->GetObjectField(e, completion, jvm.delegate);
    return delegate && (*e)->IsInstanceOf(e, delegate, jvm.frame) ? delegate : NULL;
}

static const struct native_method natives[] = {
    {"created", CREATED_TYPE, created},
    {"resumed", PROBE_TYPE, resumed},
    {"suspended", PROBE_TYPE, suspended},
    {"ready", READY_TYPE, ready},
    {"done", "()V", done},
    {"getCallerFrame", "()" OF(FRAME), caller_frame},
};

static void write_completion(struct classfile *c, uint8_t *out)
{
    class_begin(c, ACC_PUBLIC | ACC_FINAL | ACC_SUPER, COMPLETION);
    class_implements(c, CONTINUATION);
    class_implements(c, FRAME);
    class_field(c, 0, "delegate", OF(CONTINUATION));
    class_field(c, 0, "coroutine", "J");
    class_method(c, ACC_PUBLIC | ACC_STATIC | ACC_NATIVE, "created", CREATED_TYPE, 0);
    class_method(c, ACC_PUBLIC | ACC_STATIC | ACC_NATIVE, "resumed", PROBE_TYPE, 0);
    class_method(c, ACC_PUBLIC | ACC_STATIC | ACC_NATIVE, "suspended", PROBE_TYPE, 0);
    class_method(c, ACC_PUBLIC | ACC_STATIC | ACC_NATIVE, "ready", READY_TYPE, 0);
    class_method(c, ACC_PRIVATE | ACC_FINAL | ACC_NATIVE, "done", "()V", 0);
    class_method(c, ACC_PUBLIC | ACC_NATIVE, "getCallerFrame", "()" OF(FRAME), 0);
    code(c, ACONST_NULL);
    code(c, ARETURN);
    class_method(c, ACC_PUBLIC, "getStackTraceElement", "()Ljava/lang/StackTraceElement;", 1);
    code(c, ALOAD_0);
    code_ref(c, GETFIELD, COMPLETION, "delegate", OF(CONTINUATION));
    code_interface(c, CONTINUATION, "getContext", "()" OF(CONTEXT), 1);
    code(c, ARETURN);
    class_method(c, ACC_PUBLIC, "getContext", "()" OF(CONTEXT), 1);
    code(c, ALOAD_0);
    code_ref(c, INVOKESPECIAL, COMPLETION, "done", "()V");
    code(c, ALOAD_0);
    code_ref(c, GETFIELD, COMPLETION, "delegate", OF(CONTINUATION));
    code(c, ALOAD_1);
    code_interface(c, CONTINUATION, "resumeWith", "(Ljava/lang/Object;)V", 2);
    code(c, RETURN);
    class_method(c, ACC_PUBLIC, "resumeWith", "(Ljava/lang/Object;)V", 2);
    class_end(c, out);
}

static void write_probe(struct classfile *c, const char *name, const char *native, const char *type,
                        enum opcode leave)
{
    code(c, ALOAD_0);
    code_ref(c, INVOKESTATIC, COMPLETION, native, type);
    code(c, leave);
    class_method(c, ACC_PUBLIC | ACC_STATIC | ACC_FINAL, name, type, 1);
}

static void write_probes(struct classfile *c, uint8_t *out)
{
    class_begin(c, ACC_PUBLIC | ACC_FINAL | ACC_SUPER, PROBES);
    write_probe(c, "probeCoroutineCreated", "created", CREATED_TYPE, ARETURN);
    write_probe(c, "probeCoroutineResumed", "resumed", PROBE_TYPE, RETURN);
    write_probe(c, "probeCoroutineSuspended", "suspended", PROBE_TYPE, RETURN);
    class_end(c, out);
}

/* Class.forName(name, false, loader); NULL. `name` with dots. */
static jobject class_named(JNIEnv *e, jobject loader, const char *name)
{
    jobject class = (*e)->FindClass(e, "java/lang/Class");
    if (threw(e) || !class)
        return NULL;
    jobject text = (*e)->NewStringUTF(e, name);
    if (threw(e) || !text)
        return NULL;
    struct method *find = (*e)->GetStaticMethodID(
        e, class, "forName", "(Ljava/lang/String;ZLjava/lang/ClassLoader;)Ljava/lang/Class;");
    if (threw(e) || !find)
        return NULL;
    const union value arguments[] = {{.object = text}, {.truth = 0}, {.object = loader}};
    jobject found = (*e)->CallStaticObjectMethodA(e, class, find, arguments);

    return threw(e) ? NULL : found;
}

static jobject keep(JNIEnv *e, jobject what)
{
    return what ? (*e)->NewWeakGlobalRef(e, what) : NULL;
}

static bool prepare(JNIEnv *e, jobject loader)
{
    struct classfile c;
    uint8_t bytes[CLASS_MAX];

    jvm.loader = keep(e, loader);
    write_completion(&c, bytes);
    jobject made = c.size ? (*e)->DefineClass(e, COMPLETION, loader, bytes, (int32_t)c.size) : NULL;
    if (threw(e) || !made)
        return false;
    jvm.completion = keep(e, made);
    jvm.base =
        keep(e, class_named(e, loader, "kotlin.coroutines.jvm.internal.BaseContinuationImpl"));
    jvm.frame =
        keep(e, class_named(e, loader, "kotlin.coroutines.jvm.internal.CoroutineStackFrame"));
    jvm.sequence = keep(e, class_named(e, loader, "kotlin.sequences.SequenceBuilderIterator"));
    jvm.coroutine_class = NULL;
    if (!jvm.completion || !jvm.base || !jvm.frame || !jvm.sequence)
        return false;
    jvm.of_frame = (*e)->GetFieldID(e, jvm.base, "completion", OF(CONTINUATION));
    jvm.get_caller =
        threw(e) ? NULL : (*e)->GetMethodID(e, jvm.frame, "getCallerFrame", "()" OF(FRAME));
    if (threw(e))
        return false;
    jvm.delegate = (*e)->GetFieldID(e, jvm.completion, "delegate", OF(CONTINUATION));
    jvm.coroutine = threw(e) ? NULL : (*e)->GetFieldID(e, jvm.completion, "coroutine", "J");
    if (threw(e))
        return false;
    (*e)->RegisterNatives(e, jvm.completion, natives, sizeof(natives) / sizeof(natives[0]));
    return !threw(e) && jvm.of_frame && jvm.get_caller && jvm.coroutine;
}

/* Was something defined, and is its loader still there? */
static bool is_ready(JNIEnv *e)
{
    if (jvm.ready && jvm.loader && (*e)->IsSameObject(e, jvm.loader, NULL))
        jvm.ready = false;
    return jvm.ready;
}

/* Whether the class of that name is one to change, which sees what the agent has defined. Threads
 * that load classes at the same moment do not wait for each other. */
static bool is_probes(JNIEnv *e, jobject loader, const char *name)
{
    static atomic_flag busy = ATOMIC_FLAG_INIT;

    if (strcmp(name, PROBES) != 0 || atomic_flag_test_and_set(&busy))
        return false;
    bool ready = is_ready(e);
    bool may = ready ? (*e)->IsSameObject(e, loader, jvm.loader) : !jvm.failed;
    if (may && !ready) {
        jvm.ready = may = prepare(e, loader);
        jvm.failed = !may;
    }
    atomic_flag_clear(&busy);
    return may;
}

/* Through which a coroutine that is ready goes: kotlinx-coroutines 1.3.3 and later. */
static const struct patch patches[] = {
    {"kotlinx/coroutines/DispatchedTaskKt",
     {{"dispatch", "(" OF(TASK) "I)V"}},
     COMPLETION,
     "ready",
     READY_TYPE},
    {"kotlinx/coroutines/internal/DispatchedContinuation",
     {{"resumeWith", READY_TYPE}, {"dispatchYield$kotlinx_coroutines_core", YIELD_TYPE}},
     COMPLETION,
     "ready",
     READY_TYPE},
    {"kotlinx/coroutines/internal/DispatchedContinuationKt",
     {{"resumeCancellableWith", "(" OF(CONTINUATION) "Ljava/lang/Object;)V"},
      {"resumeCancellableWith",
       "(" OF(CONTINUATION) "Ljava/lang/Object;Lkotlin/jvm/functions/Function1;)V"}},
     COMPLETION,
     "ready",
     READY_TYPE},
};

#define PATCHES (sizeof(patches) / sizeof(patches[0]))

/* kotlinx may be another loader's than Kotlin. Job.parent is there since 1.7. */
static void see_kotlinx(JNIEnv *e, jobject loader)
{
    if (jvm.coroutine_class)
        return;
    jobject class = class_named(e, loader, "kotlinx.coroutines.AbstractCoroutine");
    jobject job = class_named(e, loader, "kotlinx.coroutines.Job");
    jvm.get_parent =
        class && job ? (*e)->GetMethodID(e, job, "getParent", "()Lkotlinx/coroutines/Job;") : NULL;
    if (!threw(e) && jvm.get_parent)
        jvm.coroutine_class = keep(e, class);
}

/* What is to be done to the class of that name; NULL: nothing. */
static const struct patch *patch_for(JNIEnv *e, jobject loader, const char *name)
{
    for (size_t i = 0; i < PATCHES && is_ready(e); i++) {
        if (strcmp(name, patches[i].class) != 0)
            continue;
        jobject seen = class_named(e, loader, COMPLETION_DOTS);
        if (!seen || !(*e)->IsSameObject(e, seen, jvm.completion))
            return NULL;
        see_kotlinx(e, loader);
        return &patches[i];
    }
    return NULL;
}

static void on_class(jvmtiEnv *ti, JNIEnv *e, jobject redefined, jobject loader, const char *name,
                     jobject domain, int32_t size, const uint8_t *bytes, int32_t *new_size,
                     uint8_t **new_bytes)
{
    struct classfile c;
    uint8_t *memory;
    size_t len;

    (void)redefined;
    (void)domain;
    if (!name || !waitscope_coroutines_wanted || size < 0)
        return;
    bool probes = is_probes(e, loader, name);
    const struct patch *patch = probes ? NULL : patch_for(e, loader, name);
    if (!probes && !patch)
        return;
    len = probes ? CLASS_MAX : (size_t)size + PATCH_ROOM;
    if ((*ti)->Allocate(ti, (int64_t)len, &memory))
        return;
    if (probes) {
        write_probes(&c, memory);
        len = c.size;
    } else {
        len = class_patch(bytes, (size_t)size, patch, memory);
    }
    if (!len) {
        (*ti)->Deallocate(ti, memory);
        return;
    }
    *new_bytes = memory;
    *new_size = (int32_t)len;
}

/* All of that name: on_class() knows which of them are to be changed, and which were. */
static void transform(const jobject *classes, int32_t count, const char *name)
{
    jvmtiEnv *ti = jvm.ti;
    size_t len = strlen(name);

    for (int32_t i = 0; i < count; i++) {
        char *signature;
        if ((*ti)->GetClassSignature(ti, classes[i], &signature, NULL))
            continue;
        if (signature[0] == 'L' && !strncmp(signature + 1, name, len) &&
            !strcmp(signature + 1 + len, ";"))
            (*ti)->RetransformClasses(ti, 1, &classes[i]);
        (*ti)->Deallocate(ti, (uint8_t *)signature);
    }
}

static void transform_all(JNIEnv *e, const char *const *names, size_t n)
{
    jvmtiEnv *ti = jvm.ti;
    jobject *classes;
    int32_t count;

    if ((*ti)->GetLoadedClasses(ti, &count, &classes))
        return;
    for (size_t i = 0; i < n; i++)
        transform(classes, count, names[i]);
    for (int32_t i = 0; i < count; i++)
        (*e)->DeleteLocalRef(e, classes[i]);
    (*ti)->Deallocate(ti, (uint8_t *)classes);
}

/* Kotlin's own first: the others call what is defined beside it, and those that are loaded until
 * then are not changed as they are loaded. */
static void look_again(JNIEnv *e)
{
    static const char *const probes[] = {PROBES};
    const char *others[PATCHES];

    if (!waitscope_coroutines_wanted && !jvm.ready && !jvm.failed) /* nothing was changed yet */
        return;
    for (size_t i = 0; i < PATCHES; i++)
        others[i] = patches[i].class;
    transform_all(e, probes, 1);
    transform_all(e, others, PATCHES);
}

static int start(JavaVM *vm)
{
    static const struct callbacks callbacks = {.ClassFileLoadHook = on_class};
    static const struct capabilities wanted = {.retransform_classes = CAN_RETRANSFORM_CLASSES};
    jvmtiEnv *ti;

    if ((*vm)->GetEnv(vm, &ti, JVMTI_VERSION_1_2))
        return 1;
    if ((*ti)->AddCapabilities(ti, &wanted) ||
        (*ti)->SetEventCallbacks(ti, &callbacks, sizeof(callbacks)) ||
        (*ti)->SetEventNotificationMode(ti, JVMTI_ENABLE, JVMTI_EVENT_CLASS_FILE_LOAD_HOOK, NULL)) {
        (*ti)->DisposeEnvironment(ti);
        return 1;
    }
    jvm.ti = ti;
    return 0;
}

SHOWN int32_t Agent_OnAttach(JavaVM *vm, char *options, void *reserved);
int32_t Agent_OnAttach(JavaVM *vm, char *options, void *reserved)
{
    JNIEnv *e;

    (void)options;
    (void)reserved;
    if ((*vm)->GetEnv(vm, &e, JNI_VERSION_1_6) || (!jvm.ti && start(vm)))
        return 1;
    look_again(e);
    return 0;
}
