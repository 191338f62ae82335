// The one total order of the library: (score, tie-break), packed into a 64-bit key.
//
// A smaller key is a better sample. The high half is the score as an integer that orders as the
// floats do; the low half is the tie-break, either the id or a seeded permutation of it. Both are
// reversible, so a key alone gives back its id and its score, and no two samples ever share a key.
//
// The permutation is one of the numbers below 2^bits, where 2^bits is the least power of two from
// 65,536 on that has room for all ids. So the samples of one score can be visited in their order
// without sorting them: count up the tie-break and undo the permutation (tied_walk.hpp). A pool
// that outgrows its power of two gets another permutation: `fit` says so.
//
//   socbi::TotalOrder order(socbi::Ties::kRandom, /*seed=*/7, /*samples=*/1'000'000);
//   socbi::Key key = order.key(0.25f, 42);
//   order.id(key) == 42;  socbi::TotalOrder::score(key) == 0.25f;
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

namespace socbi {

using Id = std::uint32_t;
using Key = std::uint64_t;

enum class Ties : std::uint8_t { kRandom, kId };

/// A removed sample reads as this score: it is worse than every finite one, adding to it leaves it
/// as it is, and a scan passes over it without looking at anything else.
inline constexpr float kRemovedScore = std::numeric_limits<float>::infinity();

inline constexpr Key kLowestKey = 0;
inline constexpr Key kHighestKey = std::numeric_limits<Key>::max();

/// A float as an integer that orders the same way. NaN must not come here, nor -0.0, which would
/// order below +0.0 although it equals it: scores are normalised by `x + 0.0f` at the door.
[[nodiscard]] constexpr std::uint32_t ordered_bits(float score) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(score);
  const std::uint32_t flip = (bits >> 31) != 0 ? 0xFFFFFFFFU : 0x80000000U;
  return bits ^ flip;
}

[[nodiscard]] constexpr float from_ordered_bits(std::uint32_t ordered) noexcept {
  const std::uint32_t flip = (ordered >> 31) != 0 ? 0x80000000U : 0xFFFFFFFFU;
  return std::bit_cast<float>(ordered ^ flip);
}

/// Keys from here on belong to removed samples.
inline constexpr Key kRemovedKey = Key{ordered_bits(kRemovedScore)} << 32;

/// The lowest key of this score.
[[nodiscard]] constexpr Key lowest_key(float score) noexcept {
  return Key{ordered_bits(score)} << 32;
}

namespace detail {

/// The number that undoes multiplication by an odd one: each Newton step doubles the right bits.
constexpr std::uint32_t inverse(std::uint32_t odd) noexcept {
  std::uint32_t guess = odd;
  for (int step = 0; step < 5; ++step) guess *= 2U - odd * guess;
  return guess;
}

}  // namespace detail

/// Maps (score, id) to keys and back. Safe to share between threads but for `fit`, which needs the
/// gate held alone.
class TotalOrder {
 public:
  TotalOrder(Ties ties, std::uint64_t seed, std::uint64_t samples) noexcept
      : ties_(ties), first_(spread(seed)), second_(spread(~seed)) {
    static_cast<void>(fit(samples));
  }

  /// Makes room for so many samples. True if the order of ties is another one now, so that no key
  /// made before means anything any more.
  [[nodiscard]] bool fit(std::uint64_t samples) noexcept {
    const unsigned bits =
        std::max(kLeastBits, static_cast<unsigned>(std::bit_width(samples > 0 ? samples - 1 : 0)));
    const auto mask = static_cast<std::uint32_t>((std::uint64_t{1} << bits) - 1);
    if (mask == mask_) return false;
    mask_ = mask;
    shift_ = (bits + 1) / 2;
    return ties_ == Ties::kRandom;
  }

  [[nodiscard]] Key key(float score, Id id) const noexcept { return lowest_key(score) | tie(id); }

  [[nodiscard]] Id id(Key key) const noexcept { return id_of_tie(static_cast<std::uint32_t>(key)); }

  [[nodiscard]] static float score(Key key) noexcept {
    return from_ordered_bits(static_cast<std::uint32_t>(key >> 32));
  }

  /// The tie-break of an id, which lies among the ids there is room for.
  [[nodiscard]] std::uint32_t tie(Id id) const noexcept {
    return ties_ == Ties::kId ? id : tie_by_seed(id);
  }

  /// The id of a tie-break; there may be no such sample.
  [[nodiscard]] Id id_of_tie(std::uint32_t tie) const noexcept {
    return ties_ == Ties::kId ? tie : id_by_seed(tie);
  }

  /// One more than the largest tie-break.
  [[nodiscard]] std::uint64_t tie_end() const noexcept { return std::uint64_t{mask_} + 1; }

  /// The tie-break of Ties::kRandom: three odd multipliers (fractions of the golden ratio and of
  /// the roots of 3 and 2) between xor-shifts by half the bits, keyed twice.
  [[nodiscard, gnu::always_inline]] inline std::uint32_t tie_by_seed(Id id) const noexcept {
    std::uint32_t x = ((id ^ first_) * kMultiplier1) & mask_;
    x ^= x >> shift_;
    x = ((x + second_) * kMultiplier2) & mask_;
    x ^= x >> shift_;
    x = (x * kMultiplier3) & mask_;
    return x ^ (x >> shift_);
  }

  /// Undoes `tie_by_seed`. A xor-shift by half of the bits or more is its own inverse.
  [[nodiscard, gnu::always_inline]] inline Id id_by_seed(std::uint32_t x) const noexcept {
    constexpr std::uint32_t kUndo1 = detail::inverse(kMultiplier1);
    constexpr std::uint32_t kUndo2 = detail::inverse(kMultiplier2);
    constexpr std::uint32_t kUndo3 = detail::inverse(kMultiplier3);
    x ^= x >> shift_;
    x = (x * kUndo3) & mask_;
    x ^= x >> shift_;
    x = (x * kUndo2 - second_) & mask_;
    x ^= x >> shift_;
    return ((x * kUndo1) ^ first_) & mask_;
  }

  [[nodiscard]] Ties ties() const noexcept { return ties_; }

 private:
  static constexpr unsigned kLeastBits = 16;
  static constexpr std::uint32_t kMultiplier1 = 0x9E3779B1U;
  static constexpr std::uint32_t kMultiplier2 = 0xBB67AE85U;
  static constexpr std::uint32_t kMultiplier3 = 0x6A09E667U;

  static constexpr std::uint32_t spread(std::uint64_t seed) noexcept {
    seed = (seed + 0x9E3779B97F4A7C15ULL) * 0xD1342543DE82EF95ULL;
    seed ^= seed >> 32;
    return static_cast<std::uint32_t>((seed * 0xD1342543DE82EF95ULL) >> 32);
  }

  Ties ties_;
  std::uint32_t first_;
  std::uint32_t second_;
  std::uint32_t mask_ = 0;   // 2^bits - 1
  std::uint32_t shift_ = 0;  // half of the bits, rounded up
};

}  // namespace socbi
