// Tests of socbi/tied_walk.hpp and of the index where most of the pool ties: against a sort of all
// keys.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "reference.hpp"
#include "socbi/index.hpp"
#include "socbi/tied_walk.hpp"

namespace {

using socbi::Id;
using socbi::Key;
using socbi::ScoreTable;
using socbi::Ties;
using socbi::TotalOrder;
using socbi::walk_ties;
using socbi::WalkEnd;

/// What a walk must find: the keys of this score from `from` on, ascending.
std::vector<Key> tied_keys(const ScoreTable& table, const TotalOrder& order, Key from) {
  std::vector<Key> keys;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto id = static_cast<Id>(i);
    const Key key = order.key(table.scores()[i], id);
    if (table.scores()[i] == TotalOrder::score(from) && key >= from) keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

/// Sets the scores so that about two samples in three tie at this one.
void tie_most(ScoreTable& table, float score, std::mt19937& random) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    table.scores()[i] = score;
    if (random() % 3 != 0) continue;
    if (random() % 2 == 0) {
      table.remove_plain(static_cast<Id>(i));
    } else {
      table.scores()[i] = score + (random() % 2 == 0 ? 1.0F : -1.0F);
    }
  }
}

TEST_CASE("a walk finds the tied samples in order, whatever the size of its steps") {
  std::mt19937 random(5);
  for (const Ties ties : {Ties::kRandom, Ties::kId}) {
    for (const std::size_t size : {40'000UL, 65'536UL, 65'537UL, 100'001UL}) {
      for (const float score : {0.0F, -2.5F, 3e-45F}) {
        ScoreTable table(size);
        tie_most(table, score, random);
        const TotalOrder order(ties, 11, size);
        std::vector<Key> found;
        Key from = socbi::lowest_key(score);
        while (found.size() < size) {
          const std::size_t wanted = 1 + random() % 5000;
          const std::size_t before = found.size();
          const WalkEnd end = walk_ties(table, order, from, wanted, 512, found);
          REQUIRE(end.enough);
          REQUIRE(end.next > from);
          from = end.next;
          if (found.size() - before < wanted) break;
        }
        REQUIRE(found == tied_keys(table, order, socbi::lowest_key(score)));
        REQUIRE(from == socbi::lowest_key(score) + (Key{1} << 32));
      }
    }
  }
}

TEST_CASE("a walk gives up where hardly a sample ties, and leaves nothing out that it passed") {
  std::mt19937 random(6);
  for (const Ties ties : {Ties::kRandom, Ties::kId}) {
    ScoreTable table(70'000);
    for (std::size_t i = 0; i < table.size(); ++i) {
      table.scores()[i] = random() % 100 == 0 ? 1.0F : 2.0F;
    }
    const TotalOrder order(ties, 3, table.size());
    std::vector<Key> found;
    const WalkEnd end = walk_ties(table, order, socbi::lowest_key(1.0F), 10'000, 512, found);
    CHECK(!end.enough);
    std::vector<Key> expected = tied_keys(table, order, socbi::lowest_key(1.0F));
    std::erase_if(expected, [&](Key key) { return key >= end.next; });
    CHECK(found == expected);
    CHECK(expected.size() < 1000);
  }
}

TEST_CASE("a walk from below zero goes on at plus zero, since no sample has the score -0.0") {
  const ScoreTable table(100);
  const TotalOrder order(Ties::kId, 0, 100);
  std::vector<Key> found;
  const Key below = socbi::lowest_key(-0.0F);
  walk_ties(table, order, below, 3, 512, found);
  CHECK(found == std::vector<Key>{order.key(0.0F, 0), order.key(0.0F, 1), order.key(0.0F, 2)});
}

/// Rounds of hits and retrievals from a pool of counts, every answer compared.
void drive_counts(socbi::IndexOptions options, std::size_t size, std::uint32_t seed) {
  std::mt19937 random(seed);
  socbi::SemiOrderedIndex index(size, options);
  socbi::testing::ReferenceIndex reference(size, options);
  const auto draw = [&] { return static_cast<std::int64_t>(random() % reference.capacity()); };
  for (int round = 0; round < 16; ++round) {
    CAPTURE(round);
    std::vector<std::int64_t> ids;
    for (std::size_t i = 0; i < size / 100; ++i) {
      const std::int64_t id = draw();
      if (reference.contains(id)) ids.push_back(id);
    }
    // Mostly hits, away from the asked end; sometimes towards it, so that something is before the
    // tie.
    const float hit = options.order == socbi::Asked::kSmallest ? 1.0F : -1.0F;
    const float delta = round % 5 == 4 ? (round % 2 == 0 ? -hit : -hit / 2) : hit;
    index.add(ids, socbi::Values(delta));
    reference.add(ids, socbi::Values(delta));
    if (round == 8) {  // beyond 65,536, to another permutation
      const std::vector<float> fresh(40'000, 0.0F);
      REQUIRE(index.insert(fresh) == reference.insert(fresh));
    }
    const std::size_t wanted = round % 7 == 6 ? size / 20 : 1 + random() % 200;
    const socbi::Best kept = index.top(wanted);
    const socbi::Best expected = reference.top(wanted);
    REQUIRE(kept.ids == expected.ids);
    REQUIRE(kept.scores == expected.scores);
    REQUIRE(index.check() == "");
    if (round % 3 == 0) continue;
    REQUIRE(index.pop(wanted).ids == reference.pop(wanted).ids);
    REQUIRE(index.check() == "");
    std::vector<std::int64_t> back(expected.ids.begin(), expected.ids.begin() + 1);
    if (round % 4 == 1) {
      index.restore(back, socbi::Values(0.0F));
      reference.restore(back, socbi::Values(0.0F));
    }
  }
  std::uint64_t walks = 0;
  for (const auto& [name, number] : index.stats()) walks = name == "walks" ? number : walks;
  CHECK(walks > 0);
}

TEST_CASE("an index whose pool ties gives what a sort of the pool gives") {
  for (const Ties ties : {Ties::kRandom, Ties::kId}) {
    for (const socbi::Asked asked : {socbi::Asked::kSmallest, socbi::Asked::kLargest}) {
      socbi::IndexOptions options;
      options.ties = ties;
      options.order = asked;
      options.seed = 3;
      drive_counts(options, asked == socbi::Asked::kSmallest ? 50'000 : 66'000, 17);
    }
  }
}

TEST_CASE("a list does not outlive the permutation its keys were made with") {
  // A handful of samples takes the pool beyond a power of two: too few to give the list up for.
  std::mt19937 random(9);
  std::vector<float> scores(65'530);
  for (float& score : scores) score = static_cast<float>(random() % 1000);
  socbi::SemiOrderedIndex index(scores, {});
  socbi::testing::ReferenceIndex reference(scores, {});
  static_cast<void>(index.top(100));  // lists
  const std::vector<float> more(10, 0.5F);
  index.insert(more);
  reference.insert(more);
  REQUIRE(index.check() == "");
  REQUIRE(index.top(500).ids == reference.top(500).ids);
}

}  // namespace
