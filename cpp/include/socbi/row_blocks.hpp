// Rows divided among threads for one pass over all of them.
//
//   in_row_blocks(rows, threads, [&](std::size_t begin, std::size_t end) noexcept { ... });
//
// Returns when all rows are done. Blocks are handed out as threads come for them, so that a core
// which does something else as well holds nobody up; the calling thread takes its part, and all of
// it where the system has no thread to give. Threads are started for the call, some 30 us each. The
// work must not throw, and two blocks must not touch the same memory.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

namespace socbi {

template <class Work>
void in_row_blocks(std::size_t rows, unsigned threads, Work&& work) {
  constexpr std::size_t kBlock = 16'384;  // of some hundred microseconds
  std::atomic<std::size_t> next{0};
  const auto work_on = [&] {
    // Relaxed: blocks share nothing, and what they wrote is seen when their threads were joined.
    for (std::size_t begin = 0;
         (begin = next.fetch_add(kBlock, std::memory_order_relaxed)) < rows;) {
      work(begin, std::min(begin + kBlock, rows));
    }
  };
  const std::size_t blocks = (rows + kBlock - 1) / kBlock;
  const std::size_t helpers =
      std::min<std::size_t>(std::max(threads, 1U), std::max<std::size_t>(blocks, 1)) - 1;
  std::vector<std::thread> others;
  others.reserve(helpers);
  try {
    while (others.size() < helpers) others.emplace_back(work_on);
  } catch (const std::system_error&) {  // thread limit
  } catch (const std::bad_alloc&) {     // likewise
  }
  work_on();
  for (std::thread& other : others) other.join();
}

}  // namespace socbi
