// check(): every structural promise of the table and of the semi-ordered list, looked at in full.
//
// Slow and obvious on purpose: O(n). Empty if all holds, else the first fault found. Needs the
// access gate held alone.
#pragma once

#include <bit>
#include <cstddef>
#include <string>
#include <vector>

#include "socbi/score.hpp"
#include "socbi/score_table.hpp"
#include "socbi/semi_ordered_list.hpp"
#include "socbi/semi_ordering.hpp"

namespace socbi {

/// In the pool and finite mean the same; the count is right; nobody is updating.
inline std::string check_table(const ScoreTable& table) {
  std::size_t alive = 0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto id = static_cast<Id>(i);
    const float score = table.scores()[i];
    const std::string name = "sample " + std::to_string(i);
    if (score != score || score == -kRemovedScore) return name + " has a score that is no number";
    if (std::bit_cast<std::uint32_t>(score) == 0x80000000U) return name + " has the score -0.0";
    if (table.in_pool(id) != (score != kRemovedScore)) {
      return name + " is in the pool by its bit and not by its score, or the other way round";
    }
    if ((table.places()[i] & kUpdatingBit) != 0) return name + " is marked as being updated";
    alive += static_cast<std::size_t>(table.in_pool(id));
  }
  if (alive != table.alive()) {
    return "the pool counts " + std::to_string(table.alive()) + " samples and holds " +
           std::to_string(alive);
  }
  return {};
}

/// Every sample of the pool is filed where its place says, by a bound its key respects.
inline std::string check_list(const ScoreTable& table, const TotalOrder& order,
                              const SemiOrderedList& list, bool exact) {
  if (std::string fault = list.towers().check(); !fault.empty()) return fault;
  if (!list.front().ordered()) return "the front is not sorted";

  std::vector<bool> filed(table.size(), false);
  list.front().visit([&](Key key) {
    const Id id = order.id(key);
    const bool mine = table.places()[id] == SemiOrderedList::kInFront;
    filed[id] = filed[id] || (mine && key <= order.key(table.scores()[id], id));
  });
  for (const Id id : list.inbox()) {
    filed[id] = filed[id] || table.places()[id] == SemiOrderedList::kInInbox;
  }
  for (Place at = list.towers().first(); at != NodeTowers::kNone; at = list.towers().after(at)) {
    for (const Id id : list.towers().node(at).ids) {
      filed[id] = filed[id] || table.places()[id] == at;
    }
  }
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto id = static_cast<Id>(i);
    if (!table.in_pool(id)) continue;
    const Place place = table.places()[id];
    const Key key = order.key(table.scores()[id], id);
    const std::string name = "sample " + std::to_string(i) + " at place " + std::to_string(place);
    const bool behind = key >= list.rest_lower() && place == SemiOrderedList::kInFront;
    const bool nowhere = place == SemiOrderedList::kUnlisted || behind;
    if (!nowhere && !filed[id]) return name + " is not filed there";
    if (key < list.lower(place)) return name + " has a key below the bound of that place";
    const bool anywhere = place == SemiOrderedList::kInInbox || place == SemiOrderedList::kInFront;
    if (exact && !anywhere && key >= list.upper(place)) return name + " belongs further on";
  }
  return {};
}

inline std::string SemiOrdering::check() const {
  if (!listed_) {
    for (std::size_t i = 0; i < table_.size(); ++i) {
      if (table_.places()[i] != SemiOrderedList::kUnlisted) {
        return "sample " + std::to_string(i) + " is filed although there is no list";
      }
    }
    return {};
  }
  return list_.broken() ? std::string() : check_list(table_, order_, list_, eager_);
}

}  // namespace socbi
