// Counts this thread's heap allocations, by standing in front of glibc's allocator. Linked into benchmarks only.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

unsigned long allocation_count(void);

#endif
