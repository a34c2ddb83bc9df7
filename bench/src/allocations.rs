//! Counts the heap allocations of a thread: the allocator of this binary, which is that of `onrecord` with a counter.
//! Never in it: anything else that is unsafe (docs/adr/0007-counting-allocations.md).
#![expect(unsafe_code, reason = "an allocator can only be given as an unsafe implementation")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use zeroizing_alloc::ZeroAlloc;

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

/// What `onrecord` allocates with.
const WIPING: ZeroAlloc<System> = ZeroAlloc(System);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count() {
    TAKEN.with(|taken| taken.set(taken.get() + 1));
}

// SAFETY: every call goes to the other allocator unchanged; the counter is a plain cell of the thread, which neither
// allocates nor has a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { WIPING.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and all memory is the other allocator's.
        unsafe { WIPING.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `realloc`, and all memory is the other allocator's.
        unsafe { WIPING.realloc(pointer, layout, size) }
    }
}

/// How often this thread has taken from the heap.
pub fn so_far() -> u64 {
    TAKEN.get()
}
