// What compilers call for thread-local variables and for large atomic ones. A guest has one thread, which makes both
// simple. Everything else of a compiler's runtime (128-bit division, half precision...) comes from the compiler's own
// library.
#include "runtime.h"

// MARK: Thread-local variables

// What the code of a thread-local variable hands over: clang's -femulated-tls. Linkers lay nothing out for it, and no
// register has to point anywhere: every call begins with those that point at threads cleared.
struct variable {
    size_t size;
    size_t alignment;
    void *storage;        // null until it is first used
    const void *initial;  // null for zeros
};

void *__emutls_get_address(struct variable *variable) {
    if (variable->storage) return variable->storage;
    void *storage = aligned_alloc(variable->alignment, variable->size);
    if (!storage) pal_abort(PAL_STRING("the heap has no room for a thread-local variable"));
    if (variable->initial) {
        memcpy(storage, variable->initial, variable->size);
    } else {
        memset(storage, 0, variable->size);
    }
    variable->storage = storage;
    return storage;
}

// MARK: Atomic variables that no instruction can change as a whole

void __atomic_load_any(size_t size, const void *from, void *result, int order) __asm__("__atomic_load");
void __atomic_load_any(size_t size, const void *from, void *result, int order) { memcpy(result, from, size); }

void __atomic_store_any(size_t size, void *to, const void *value, int order) __asm__("__atomic_store");
void __atomic_store_any(size_t size, void *to, const void *value, int order) { memcpy(to, value, size); }

void __atomic_exchange_any(size_t size, void *at, const void *value, void *result, int order)
    __asm__("__atomic_exchange");
void __atomic_exchange_any(size_t size, void *at, const void *value, void *result, int order) {
    memcpy(result, at, size);
    memcpy(at, value, size);
}

_Bool __atomic_compare_exchange_any(size_t size, void *at, void *expected, const void *value, int success,
                                    int failure) __asm__("__atomic_compare_exchange");
_Bool __atomic_compare_exchange_any(size_t size, void *at, void *expected, const void *value, int success,
                                    int failure) {
    _Bool is_equal = memcmp(at, expected, size) == 0;
    memcpy(is_equal ? at : expected, is_equal ? value : at, size);
    return is_equal;
}
