// Asking for memory before it is needed.
#pragma once

namespace socbi {

/// Brings what lies there nearer, to be written. Any address will do, also one beyond an array.
inline void fetch_ahead(const void* address) noexcept {
#if defined(__GNUC__)
  __builtin_prefetch(address, 1);
  // Danger: to gcc a function that does nothing but ask ahead has no effect, and calls of it are
  // dropped, silently. This empty instruction is the effect.
  asm volatile("" : : "r"(address));
#else
  static_cast<void>(address);
#endif
}

}  // namespace socbi
