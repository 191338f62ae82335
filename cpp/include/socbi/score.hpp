// The one total order of the library: (score, tie-break), packed into a 64-bit key.
//
// A smaller key is a better sample. The high half is the score as an integer that orders as the
// floats do; the low half is the tie-break, either the id or a seeded permutation of all 32-bit
// numbers applied to it. Both are reversible, so a key alone gives back its id and its score, and
// no two samples ever share a key.
//
//   socbi::TotalOrder order(socbi::Ties::kRandom, /*seed=*/7);
//   socbi::Key key = order.key(0.25f, 42);
//   order.id(key) == 42;  socbi::TotalOrder::score(key) == 0.25f;
#pragma once

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

/// Maps (score, id) to keys and back. Immutable, so safe to share between threads.
class TotalOrder {
 public:
  TotalOrder(Ties ties, std::uint64_t seed) noexcept
      : ties_(ties), first_(spread(seed)), second_(spread(~seed)) {}

  [[nodiscard]] Key key(float score, Id id) const noexcept {
    return (Key{ordered_bits(score)} << 32) | tie(id);
  }

  [[nodiscard]] Id id(Key key) const noexcept {
    const auto low = static_cast<std::uint32_t>(key);
    return ties_ == Ties::kId ? low : unmix(low);
  }

  [[nodiscard]] static float score(Key key) noexcept {
    return from_ordered_bits(static_cast<std::uint32_t>(key >> 32));
  }

  [[nodiscard]] std::uint32_t tie(Id id) const noexcept {
    return ties_ == Ties::kId ? id : tie_by_seed(id);
  }

  /// The tie-break of Ties::kRandom.
  [[nodiscard, gnu::always_inline]] inline std::uint32_t tie_by_seed(Id id) const noexcept {
    std::uint32_t x = (id ^ first_) * kMultiplier1;
    x ^= x >> 15;
    x = (x + second_) * kMultiplier2;
    x ^= x >> 13;
    x *= kMultiplier3;
    return x ^ (x >> 16);
  }

  [[nodiscard]] Ties ties() const noexcept { return ties_; }

 private:
  // The permutation: three odd multipliers (fractions of the golden ratio and of the roots of 3
  // and 2) between xor-shifts, keyed twice. Every step can be undone, so it is one to one.
  static constexpr std::uint32_t kMultiplier1 = 0x9E3779B1U;
  static constexpr std::uint32_t kMultiplier2 = 0xBB67AE85U;
  static constexpr std::uint32_t kMultiplier3 = 0x6A09E667U;

  /// The number that undoes multiplication by an odd one: each Newton step doubles the right bits.
  static constexpr std::uint32_t inverse(std::uint32_t odd) noexcept {
    std::uint32_t guess = odd;
    for (int step = 0; step < 5; ++step) guess *= 2U - odd * guess;
    return guess;
  }

  static constexpr std::uint32_t spread(std::uint64_t seed) noexcept {
    seed = (seed + 0x9E3779B97F4A7C15ULL) * 0xD1342543DE82EF95ULL;
    seed ^= seed >> 32;
    return static_cast<std::uint32_t>((seed * 0xD1342543DE82EF95ULL) >> 32);
  }

  [[nodiscard]] std::uint32_t unmix(std::uint32_t x) const noexcept {
    x ^= x >> 16;
    x *= inverse(kMultiplier3);
    x ^= (x >> 13) ^ (x >> 26);
    x = x * inverse(kMultiplier2) - second_;
    x ^= (x >> 15) ^ (x >> 30);
    return (x * inverse(kMultiplier1)) ^ first_;
  }

  Ties ties_;
  std::uint32_t first_;
  std::uint32_t second_;
};

}  // namespace socbi
