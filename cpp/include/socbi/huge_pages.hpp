// An allocator that asks for large pages where an array is large and read at random.
//
// With pages of 4 KiB every random access beyond some 10 MiB misses the table of page addresses as
// well as the caches. Asking the system for pages of 2 MiB takes a third off a random update at
// 10^7 samples; on small arrays it changes nothing, and where the system has none to give it
// changes nothing either.
//
//   std::vector<float, HugePages<float>> scores(10'000'000);
#pragma once

#include <cstddef>
#include <limits>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "socbi/tuning.hpp"

namespace socbi {

/// `From` bytes on; what lives for one call is best asked for earlier than what stays, since a
/// fault for each small page costs more than all else that is done with it.
template <class T, std::size_t From = tuning::kHugePagesFrom>
class HugePages {
 public:
  using value_type = T;
  template <class U>
  struct rebind {  // NOLINT: a name of the standard library
    using other = HugePages<U, From>;
  };

  HugePages() noexcept = default;
  template <class U>
  HugePages(const HugePages<U, From>& /*other*/) noexcept {}  // NOLINT: allocators convert

  [[nodiscard]] T* allocate(std::size_t count) {
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_alloc();
    const std::size_t bytes = count * sizeof(T);
    if (!large(bytes)) return static_cast<T*>(::operator new(bytes));
    void* const room = ::operator new(bytes, kPage);
#if defined(__linux__)
    static_cast<void>(::madvise(room, bytes, MADV_HUGEPAGE));  // a wish: no harm if refused
#endif
    return static_cast<T*>(room);
  }

  void deallocate(T* room, std::size_t count) noexcept {
    if (large(count * sizeof(T))) return ::operator delete(room, kPage);
    ::operator delete(room);
  }

  template <class U>
  bool operator==(const HugePages<U, From>& /*other*/) const noexcept {
    return true;
  }

 private:
  static constexpr std::align_val_t kPage{std::size_t{2} << 20};
  static bool large(std::size_t bytes) noexcept {
    return bytes >= From;
  }
};

}  // namespace socbi
