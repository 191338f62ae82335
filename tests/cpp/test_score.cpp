// The total order: floats as integers, and the tie-break as a permutation.

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "socbi/score.hpp"

namespace {

using socbi::from_ordered_bits;
using socbi::Id;
using socbi::Key;
using socbi::ordered_bits;
using socbi::Ties;
using socbi::TotalOrder;

using Limits = std::numeric_limits<float>;

constexpr std::uint64_t kAllIds = 1ULL << 32;
constexpr std::uint64_t kSeeds[] = {0, 1, 2, 7, 42, 0xFFFFFFFF, 1ULL << 32, ~0ULL, ~1ULL};

float float_of(std::uint32_t bits) {
  return std::bit_cast<float>(bits);
}

/// Landmarks of the number line in ascending order.
const std::vector<float> kAscending = {-Limits::infinity(),
                                       -Limits::max(),
                                       -1e30F,
                                       -16777217.0F,
                                       -2.0F,
                                       std::nextafter(-1.0F, -2.0F),
                                       -1.0F,
                                       std::nextafter(-1.0F, 0.0F),
                                       -Limits::min(),
                                       std::nextafter(-Limits::min(), 0.0F),
                                       -3e-45F,
                                       -Limits::denorm_min(),
                                       0.0F,
                                       Limits::denorm_min(),
                                       3e-45F,
                                       std::nextafter(Limits::min(), 0.0F),
                                       Limits::min(),
                                       std::nextafter(1.0F, 0.0F),
                                       1.0F,
                                       std::nextafter(1.0F, 2.0F),
                                       2.0F,
                                       16777216.0F,
                                       1e30F,
                                       Limits::max(),
                                       Limits::infinity()};

}  // namespace

TEST_CASE("ordered bits order as the floats do") {
  for (std::size_t i = 0; i + 1 < kAscending.size(); ++i) {
    CAPTURE(kAscending[i]);
    CHECK(kAscending[i] < kAscending[i + 1]);
    CHECK(ordered_bits(kAscending[i]) < ordered_bits(kAscending[i + 1]));
  }
  std::mt19937 random(11);
  for (int i = 0; i < 200'000; ++i) {
    const float a = float_of(static_cast<std::uint32_t>(random())) + 0.0F;
    const float b = float_of(static_cast<std::uint32_t>(random())) + 0.0F;
    if (std::isnan(a) || std::isnan(b)) continue;
    if ((a < b) != (ordered_bits(a) < ordered_bits(b))) {
      CAPTURE(a);
      CAPTURE(b);
      FAIL("the integers order otherwise");
    }
  }
}

TEST_CASE("neighbouring floats are neighbouring integers, across zero and the denormals") {
  for (const float from : {-Limits::min(), -3e-45F, Limits::denorm_min(), 1.0F, -1.0F, 1e30F}) {
    float at = from;
    for (int step = 0; step < 1000; ++step) {
      const float next = std::nextafter(at, Limits::infinity());
      if (next == 0.0F || at == 0.0F) break;  // -0.0 lies between, see below
      REQUIRE(ordered_bits(next) == ordered_bits(at) + 1);
      at = next;
    }
  }
  // -0.0 has an integer of its own between -denorm_min and 0, although it equals 0: that is why it
  // is made into +0.0 at the door.
  CHECK(ordered_bits(-0.0F) == ordered_bits(-Limits::denorm_min()) + 1);
  CHECK(ordered_bits(0.0F) == ordered_bits(-0.0F) + 1);
  CHECK(std::bit_cast<std::uint32_t>(-0.0F + 0.0F) == 0U);
}

TEST_CASE("ordered bits go back to the same float") {
  for (const float score : kAscending) CHECK(from_ordered_bits(ordered_bits(score)) == score);
  CHECK(std::signbit(from_ordered_bits(ordered_bits(-0.0F))));
  for (std::uint64_t bits = 0; bits < (1ULL << 32); bits += 65'521) {  // a prime: all exponents
    const auto word = static_cast<std::uint32_t>(bits);
    REQUIRE(ordered_bits(from_ordered_bits(word)) == word);
  }
}

TEST_CASE("a key holds score and id, and orders by score before tie-break") {
  for (const Ties ties : {Ties::kRandom, Ties::kId}) {
    for (const std::uint64_t seed : kSeeds) {
      CAPTURE(seed);
      const TotalOrder order(ties, seed, kAllIds);
      std::mt19937 random(static_cast<unsigned>(seed));
      for (int i = 0; i < 20'000; ++i) {
        const auto id = static_cast<Id>(random());
        const auto other = static_cast<Id>(random());
        const float score = kAscending[random() % kAscending.size()];
        const float further = kAscending[random() % kAscending.size()];
        const Key key = order.key(score, id);
        REQUIRE(order.id(key) == id);
        REQUIRE(TotalOrder::score(key) == score);
        if (score < further) REQUIRE(key < order.key(further, other));
        if (score == further) {
          REQUIRE((key < order.key(further, other)) == (order.tie(id) < order.tie(other)));
        }
      }
      for (const Id edge : {Id{0}, Id{1}, Id{0x7FFFFFFF}, Id{0x80000000}, Id{0xFFFFFFFF}}) {
        REQUIRE(order.id(order.key(-1.5F, edge)) == edge);
      }
    }
  }
}

TEST_CASE("removed samples have keys behind all others") {
  const TotalOrder order(Ties::kRandom, 5, kAllIds);
  for (Id id = 0; id < 1000; ++id) {
    CHECK(order.key(socbi::kRemovedScore, id) >= socbi::kRemovedKey);
    CHECK(order.key(Limits::max(), id) < socbi::kRemovedKey);
    CHECK(order.key(-Limits::max(), id) > socbi::kLowestKey);
    CHECK(order.key(socbi::kRemovedScore, id) < socbi::kHighestKey);
  }
}

TEST_CASE("ties by id are the ids") {
  const TotalOrder order(Ties::kId, 99, kAllIds);
  for (Id id = 0; id < 100; ++id) CHECK(order.tie(id) == id);
}

TEST_CASE("random ties are one to one") {
  for (const std::uint64_t seed : kSeeds) {
    CAPTURE(seed);
    const TotalOrder order(Ties::kRandom, seed, kAllIds);
    // A whole 16-bit range, at both ends and in the middle; then every 257th of all ids. That each
    // comes back from its tie is what makes the map one to one; that no two share one is seen too.
    std::vector<std::uint32_t> ties;
    for (const Id begin : {Id{0}, Id{0x7FFF8000}, Id{0xFFFF0000}}) {
      for (Id low = 0; low < 65'536; ++low) ties.push_back(order.tie(begin + low));
    }
    std::sort(ties.begin(), ties.end());
    REQUIRE(std::adjacent_find(ties.begin(), ties.end()) == ties.end());
    for (std::uint64_t id = 0; id < (1ULL << 32); id += 257 * 17) {
      const auto sample = static_cast<Id>(id);
      REQUIRE(order.id(order.key(0.0F, sample)) == sample);
    }
  }
}

TEST_CASE("ties are all the numbers below the power of two that has room for the ids") {
  for (const std::uint64_t samples : {1ULL, 65'536ULL, 65'537ULL, 100'000ULL, 1ULL << 20}) {
    const std::uint64_t room = std::bit_ceil(std::max<std::uint64_t>(samples, 65'536));
    for (const std::uint64_t seed : kSeeds) {
      const TotalOrder order(Ties::kRandom, seed, samples);
      REQUIRE(order.tie_end() == room);
      bool undone = true;  // a permutation is what can be undone and stays in its range
      for (std::uint64_t id = 0; id < room; ++id) {
        const std::uint32_t tie = order.tie(static_cast<Id>(id));
        undone = undone && tie < room && order.id_of_tie(tie) == id;
      }
      REQUIRE(undone);
    }
  }
}

TEST_CASE("an order says when it has become another") {
  TotalOrder order(Ties::kRandom, 1, 10);
  CHECK(!order.fit(65'536));
  CHECK(order.fit(65'537));
  CHECK(!order.fit(131'072));
  CHECK(order.tie(65'536) < 131'072);
  TotalOrder by_id(Ties::kId, 1, 10);
  CHECK(!by_id.fit(1'000'000));  // ties by id stay what they are
}

TEST_CASE("different seeds give different orders") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const TotalOrder one(Ties::kRandom, seed, kAllIds);
    const TotalOrder other(Ties::kRandom, seed + 1, kAllIds);
    const TotalOrder far(Ties::kRandom, seed + (1ULL << 40), kAllIds);
    int same = 0;
    for (Id id = 0; id < 64; ++id) {
      same += static_cast<int>(one.tie(id) == other.tie(id));
      same += static_cast<int>(one.tie(id) == far.tie(id));
    }
    CAPTURE(seed);
    REQUIRE(same <= 1);
  }
}

// Statistics with fixed seeds: the outcome is always the same, so the bounds cannot fail by chance.
// They stand at about six standard deviations of what a fair shuffle gives.

TEST_CASE("each id is first among few equally often over the seeds") {
  constexpr std::size_t kIds = 10;
  constexpr std::uint64_t kTrials = 20'000;
  std::size_t first[kIds] = {};
  std::size_t last[kIds] = {};
  double rank_sum[kIds] = {};
  for (std::uint64_t seed = 0; seed < kTrials; ++seed) {
    const TotalOrder order(Ties::kRandom, seed, kIds);
    std::vector<std::uint64_t> drawn;
    for (Id id = 0; id < kIds; ++id) drawn.push_back((std::uint64_t{order.tie(id)} << 32) | id);
    std::sort(drawn.begin(), drawn.end());
    ++first[static_cast<std::uint32_t>(drawn.front())];
    ++last[static_cast<std::uint32_t>(drawn.back())];
    for (std::size_t rank = 0; rank < kIds; ++rank) {
      rank_sum[static_cast<std::uint32_t>(drawn[rank])] += static_cast<double>(rank);
    }
  }
  const double expected = kTrials / double{kIds};
  for (std::size_t id = 0; id < kIds; ++id) {
    CAPTURE(id);
    CHECK(std::fabs(static_cast<double>(first[id]) - expected) < 6 * std::sqrt(expected));
    CHECK(std::fabs(static_cast<double>(last[id]) - expected) < 6 * std::sqrt(expected));
    // A rank has mean 4.5 and variance 8.25.
    CHECK(std::fabs(rank_sum[id] / kTrials - 4.5) < 6 * std::sqrt(8.25 / kTrials));
  }
}

TEST_CASE("the best of a large tied pool are spread over all ids") {
  constexpr Id kPool = 100'000;
  constexpr std::size_t kTaken = 4096;
  constexpr std::size_t kBins = 64;
  for (const std::uint64_t seed : kSeeds) {
    CAPTURE(seed);
    const TotalOrder order(Ties::kRandom, seed, kPool);
    std::vector<Key> keys;
    for (Id id = 0; id < kPool; ++id) keys.push_back(order.key(0.0F, id));
    std::nth_element(keys.begin(), keys.begin() + kTaken, keys.end());
    std::size_t blocks[kBins] = {};
    std::size_t residues[kBins] = {};
    for (std::size_t i = 0; i < kTaken; ++i) {
      const std::size_t id = order.id(keys[i]);
      ++blocks[id * kBins / kPool];
      ++residues[id % kBins];
    }
    const double expected = kTaken / double{kBins};
    for (const auto& bins : {blocks, residues}) {
      double chi_squared = 0.0;
      for (std::size_t bin = 0; bin < kBins; ++bin) {
        const double off = static_cast<double>(bins[bin]) - expected;
        chi_squared += off * off / expected;
      }
      // 63 degrees of freedom: mean 63, standard deviation 11.2.
      CHECK(chi_squared < 63 + 6 * 11.2);
    }
  }
}
