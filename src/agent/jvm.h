/*
 * jvm: what the agent uses of the Java Native Interface and of the JVM Tool Interface. Each is a
 * table of functions whose places are fixed by its specification ("JNI Functions", "JVM TI
 * Function Table"), and so the same in every JVM since Java 6: no headers of a JDK are needed.
 *
 * References are local, valid until the native method returns, unless a function says else. After a
 * call that may throw nothing but ExceptionCheck() and ExceptionClear() may be called.
 */
#ifndef AGENT_JVM_H
#define AGENT_JVM_H

#include <stddef.h>
#include <stdint.h>

#define JNI_VERSION_1_6 0x00010006
#define JVMTI_VERSION_1_2 0x30010200
#define JVMTI_ENABLE 1
#define JVMTI_EVENT_CLASS_FILE_LOAD_HOOK 54

struct object;
typedef struct object *jobject; /* a class, a string, a class loader, anything */
struct method;
struct field;
union value {
    jobject object;
    int64_t whole;
    uint8_t truth;
};

struct native_method {
    const char *name, *signature;
    void *function;
};

#define PLACE(table, name, n) \
    _Static_assert(offsetof(struct table, name) == (n) * sizeof(void *), #name)

struct jni_table;
typedef const struct jni_table *const JNIEnv;

struct jni_table {
    void *to_4[5];
    jobject (*DefineClass)(JNIEnv *, const char *name, jobject loader, const uint8_t *, int32_t);
    jobject (*FindClass)(JNIEnv *, const char *name);
    void *to_16[10];
    void (*ExceptionClear)(JNIEnv *);
    void *to_22[5];
    void (*DeleteLocalRef)(JNIEnv *, jobject);
    uint8_t (*IsSameObject)(JNIEnv *, jobject, jobject);
    void *to_26[2];
    jobject (*AllocObject)(JNIEnv *, jobject class);
    void *to_31[4];
    uint8_t (*IsInstanceOf)(JNIEnv *, jobject, jobject class);
    struct method *(*GetMethodID)(JNIEnv *, jobject class, const char *name, const char *signature);
    void *to_35[2];
    jobject (*CallObjectMethodA)(JNIEnv *, jobject, struct method *, const union value *);
    void *to_93[57];
    struct field *(*GetFieldID)(JNIEnv *, jobject class, const char *name, const char *signature);
    jobject (*GetObjectField)(JNIEnv *, jobject, struct field *);
    void *to_100[5];
    int64_t (*GetLongField)(JNIEnv *, jobject, struct field *);
    void *to_103[2];
    void (*SetObjectField)(JNIEnv *, jobject, struct field *, jobject);
    void *to_109[5];
    void (*SetLongField)(JNIEnv *, jobject, struct field *, int64_t);
    void *to_112[2];
    struct method *(*GetStaticMethodID)(JNIEnv *, jobject class, const char *name,
                                        const char *signature);
    void *to_115[2];
    jobject (*CallStaticObjectMethodA)(JNIEnv *, jobject class, struct method *,
                                       const union value *);
    void *to_166[50];
    jobject (*NewStringUTF)(JNIEnv *, const char *);
    void *to_214[47];
    int32_t (*RegisterNatives)(JNIEnv *, jobject class, const struct native_method *, int32_t);
    void *to_225[10];
    jobject (*NewWeakGlobalRef)(JNIEnv *, jobject);
    void *to_227[1];
    uint8_t (*ExceptionCheck)(JNIEnv *);
};

PLACE(jni_table, DefineClass, 5);
PLACE(jni_table, ExceptionClear, 17);
PLACE(jni_table, DeleteLocalRef, 23);
PLACE(jni_table, AllocObject, 27);
PLACE(jni_table, IsInstanceOf, 32);
PLACE(jni_table, CallObjectMethodA, 36);
PLACE(jni_table, GetFieldID, 94);
PLACE(jni_table, GetLongField, 101);
PLACE(jni_table, SetObjectField, 104);
PLACE(jni_table, SetLongField, 110);
PLACE(jni_table, GetStaticMethodID, 113);
PLACE(jni_table, CallStaticObjectMethodA, 116);
PLACE(jni_table, NewStringUTF, 167);
PLACE(jni_table, RegisterNatives, 215);
PLACE(jni_table, NewWeakGlobalRef, 226);
PLACE(jni_table, ExceptionCheck, 228);

struct jvmti_table;
typedef const struct jvmti_table *const jvmtiEnv;

/* Errors are other than 0. */
struct jvmti_table {
    void *to_0[1];
    int (*SetEventNotificationMode)(jvmtiEnv *, int mode, int event, jobject thread, ...);
    void *to_44[43];
    int (*Allocate)(jvmtiEnv *, int64_t size, uint8_t **memory);
    int (*Deallocate)(jvmtiEnv *, uint8_t *memory);
    int (*GetClassSignature)(jvmtiEnv *, jobject class, char **signature, char **generic);
    void *to_76[29];
    int (*GetLoadedClasses)(jvmtiEnv *, int32_t *count, jobject **classes);
    void *to_120[43];
    int (*SetEventCallbacks)(jvmtiEnv *, const void *callbacks, int32_t size);
    void *to_125[4];
    int (*DisposeEnvironment)(jvmtiEnv *);
    void *to_140[14];
    int (*AddCapabilities)(jvmtiEnv *, const void *capabilities);
    void *to_150[9];
    int (*RetransformClasses)(jvmtiEnv *, int32_t count, const jobject *classes);
};

PLACE(jvmti_table, SetEventNotificationMode, 1);
PLACE(jvmti_table, Allocate, 45);
PLACE(jvmti_table, GetClassSignature, 47);
PLACE(jvmti_table, GetLoadedClasses, 77);
PLACE(jvmti_table, SetEventCallbacks, 121);
PLACE(jvmti_table, DisposeEnvironment, 126);
PLACE(jvmti_table, AddCapabilities, 141);
PLACE(jvmti_table, RetransformClasses, 151);

/* Bit 37 of jvmtiCapabilities. */
struct capabilities {
    uint8_t to_3[4], retransform_classes, to_15[11];
};
#define CAN_RETRANSFORM_CLASSES 0x20

/* Callbacks from VMInit on. What the hook gives is memory by Allocate(). */
struct callbacks {
    void *to_3[4];
    void (*ClassFileLoadHook)(jvmtiEnv *, JNIEnv *, jobject redefined, jobject loader,
                              const char *name, jobject domain, int32_t size, const uint8_t *bytes,
                              int32_t *new_size, uint8_t **new_bytes);
};

struct vm_table {
    void *to_5[6];
    int32_t (*GetEnv)(const struct vm_table *const *, void *env, int32_t version);
};
typedef const struct vm_table *const JavaVM;

#endif
