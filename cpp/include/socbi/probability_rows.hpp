// What is asked of the class probabilities of every sample, at the speed of memory.
//
//   margins(p.data(), rows, classes, out.data(), threads);      // largest minus second largest
//   are_shares(p.data(), rows, classes, /*tolerance=*/1e-2, threads);
//
// Rows lie one after the other. Both only read `p`; the answers are the same for any number of
// threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>

#include "socbi/row_blocks.hpp"

namespace socbi {

namespace detail {

/// The two largest of those seen so far; 0 where there are fewer.
template <class Number>
struct TwoLargest {
  Number first = 0;
  Number second = 0;

  void see(Number one) noexcept {
    second = std::max(second, std::min(first, one));
    first = std::max(first, one);
  }
};

template <class Number>
double margin_of(const Number* p, std::size_t classes) noexcept {
  // Side by side, because each comparison waits for the one before it.
  constexpr std::size_t kLanes = 8;
  TwoLargest<Number> all;
  std::size_t i = 0;
  if (classes >= 2 * kLanes) {
    Number first[kLanes] = {};
    Number second[kLanes] = {};
    for (; i + kLanes <= classes; i += kLanes) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const Number one = p[i + lane];
        second[lane] = std::max(second[lane], std::min(first[lane], one));
        first[lane] = std::max(first[lane], one);
      }
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      all.see(first[lane]);
      all.see(second[lane]);
    }
  }
  for (; i < classes; ++i) all.see(p[i]);
  return static_cast<double>(all.first) - static_cast<double>(all.second);
}

template <class Number>
bool is_shares(const Number* p, std::size_t classes, double tolerance) noexcept {
  double sum = 0;
  Number least = 0;
  for (std::size_t i = 0; i < classes; ++i) {
    sum += static_cast<double>(p[i]);
    least = std::min(least, p[i]);
  }
  return least >= 0 && std::abs(sum - 1) <= tolerance;  // a NaN is in the sum
}

}  // namespace detail

/// For each row by how much the largest number exceeds the second; 0 or more each. With a single
/// class the number itself.
template <class Number>
void margins(const Number* p, std::size_t rows, std::size_t classes, double* out,
             unsigned threads) {
  in_row_blocks(rows, threads, [=](std::size_t begin, std::size_t end) noexcept {
    for (std::size_t row = begin; row < end; ++row) {
      out[row] = detail::margin_of(p + row * classes, classes);
    }
  });
}

/// Is every row of numbers from 0 on whose sum is 1, up to a tolerance?
template <class Number>
bool are_shares(const Number* p, std::size_t rows, std::size_t classes, double tolerance,
                unsigned threads) {
  std::atomic<bool> all{true};
  in_row_blocks(rows, threads, [&](std::size_t begin, std::size_t end) noexcept {
    if (!all.load(std::memory_order_relaxed)) return;
    for (std::size_t row = begin; row < end; ++row) {
      if (detail::is_shares(p + row * classes, classes, tolerance)) continue;
      all.store(false, std::memory_order_relaxed);  // one word; read after the threads were joined
      return;
    }
  });
  return all.load();
}

}  // namespace socbi
