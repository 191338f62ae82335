// Sorting keys, all different.
//
// The keys' range is cut to its highest 14 to 22 bits, and keys are dealt out by these, lower half
// first (two passes of a radix sort). What is still equal then is neighbours, and few: each such
// run is sorted the same way by the bits that follow. So narrow ranges (the tie-breaks of one
// score, the scores of one node) cost two passes, whatever bits they share. 5 to 8 ns a key from
// some hundred to 10^5 keys, where std::sort takes 25 to 47; below a hundred std::sort is as fast.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "socbi/score.hpp"
#include "socbi/tuning.hpp"

namespace socbi {

namespace detail {

/// Moves keys to `to`, ordered by the digit, keeping the order of equal ones. `begins` counts
/// digits.
template <class Digit>
void deal_out(std::span<const Key> keys, std::span<Key> to, std::span<std::uint32_t> begins,
              Digit digit) {
  std::uint32_t begin = 0;
  for (std::uint32_t& count : begins) {
    const std::uint32_t size = count;
    count = begin;
    begin += size;
  }
  for (const Key key : keys) to[begins[digit(key)]++] = key;
}

/// `room` is as long as the keys are.
inline void sort_by_digits(std::span<Key> keys, std::span<Key> room) {
  constexpr int kMostDigitBits = 11;
  const auto width = [](std::uint64_t number) { return static_cast<int>(std::bit_width(number)); };
  if (keys.size() < tuning::kDigitsFrom) return std::sort(keys.begin(), keys.end());
  Key low = keys[0];
  Key high = keys[0];
  for (const Key key : keys) {
    low = key < low ? key : low;
    high = key > high ? key : high;
  }
  // About 100 times as many values as keys, so that few are equal.
  const int digit_bits = std::min(kMostDigitBits, (width(keys.size()) + 7) / 2);
  const int shift = std::max(0, width(high - low) - 2 * digit_bits);
  const std::size_t digits = std::size_t{1} << digit_bits;
  const auto lower = [=](Key key) { return ((key - low) >> shift) & (digits - 1); };
  const auto upper = [=](Key key) { return (key - low) >> (shift + digit_bits); };
  std::array<std::uint32_t, std::size_t{2} << kMostDigitBits> counts;
  std::fill_n(counts.begin(), 2 * digits, 0U);
  const std::span lowers(counts.data(), digits);
  const std::span uppers(counts.data() + digits, digits);
  for (const Key key : keys) {
    ++lowers[lower(key)];
    ++uppers[upper(key)];
  }
  deal_out(keys, room, lowers, lower);
  deal_out(room, keys, uppers, upper);
  if (shift == 0) return;
  for (std::size_t begin = 0, end = 1; begin < keys.size(); begin = end++) {
    while (end < keys.size() && (keys[end] - low) >> shift == (keys[begin] - low) >> shift) ++end;
    if (end - begin > 1) {
      sort_by_digits(keys.subspan(begin, end - begin), room.subspan(begin, end - begin));
    }
  }
}

}  // namespace detail

inline void sort_keys(std::vector<Key>& keys) {
  if (keys.size() < tuning::kDigitsFrom) return std::sort(keys.begin(), keys.end());
  const auto room = std::make_unique_for_overwrite<Key[]>(keys.size());
  detail::sort_by_digits(keys, std::span(room.get(), keys.size()));
}

}  // namespace socbi
