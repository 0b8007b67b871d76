// What Swift cannot import by itself: ioctl numbers, unions, variadic calls, signal set-up, trusted guest code.
#ifndef CPALIMPSEST_H
#define CPALIMPSEST_H

#include "palimpsest_abi.h"
#include "palimpsest_chacha20.h"
#include "palimpsest_code.h"
#include "palimpsest_cpu.h"
#include "palimpsest_kvm.h"
#include "palimpsest_mailbox.h"
#include "palimpsest_pages.h"
#include "palimpsest_random.h"
#include "palimpsest_resident.h"
#include "palimpsest_ring.h"
#include "palimpsest_ring_file.h"
#include "palimpsest_system.h"
#include "palimpsest_thread.h"

#endif
