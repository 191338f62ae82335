// Does the hand-off protocol, the access gate, and the two together keep their promises in every
// interleaving of two and three threads? And would this file notice if they did not: the protocol
// as the paper prints it and other weakened variants must be caught.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "interleave.hpp"
#include "socbi/access_gate.hpp"
#include "socbi/score.hpp"
#include "socbi/tuning.hpp"
#include "socbi/update_protocol.hpp"

namespace {

using model::expect;
using model::Explorer;
using model::Report;
using model::witness;
using socbi::kRemovedScore;
using socbi::kUpdatingBit;
using socbi::Place;
using socbi::Settled;

using Protocol = socbi::UpdateProtocol<model::Ref>;
using Gate = socbi::BasicAccessGate<model::Atomic>;

// --- one sample and a toy list ------------------------------------------------------------------

constexpr Place kLastPlace = 31;
constexpr Place kRemovedPlace = 32;
constexpr Place kQueuePlace = 33;

Place place_of(float score) {
  if (score == kRemovedScore) return kRemovedPlace;
  return static_cast<Place>(std::clamp(score, 0.0F, static_cast<float>(kLastPlace)));
}

std::string place_text(Place place) {
  const std::string updating = (place & kUpdatingBit) != 0 ? "+updating" : "";
  return std::to_string(place & ~kUpdatingBit) + updating;
}

struct Sample {
  model::Cell<float> score_cell{"score", 0.0F};
  model::Cell<Place> place_cell{"place", place_of(0.0F), &place_text};
  model::Cell<Place> filed_cell{"filed", place_of(0.0F)};  // where the toy list really has it

  [[nodiscard]] model::Ref<float> score() const { return model::Ref<float>(score_cell); }
  [[nodiscard]] model::Ref<Place> place() const { return model::Ref<Place>(place_cell); }
  [[nodiscard]] model::Ref<Place> filed() const { return model::Ref<Place>(filed_cell); }
};

/// Moves in two steps, so that a second mover at the same time would be seen by one of them.
struct Mover {
  const Sample& sample;

  Place move(Place from, float score) const noexcept { return refile(from, place_of(score)); }
  Place queue(Place from) const noexcept { return refile(from, kQueuePlace); }

  [[nodiscard]] Place refile(Place from, Place to) const noexcept {
    expect((from & kUpdatingBit) == 0, "moved while somebody else is moving it");
    expect(sample.filed().load() == from, "filed elsewhere than its place says");
    sample.filed().store(to);
    return to;
  }
};

/// For threads that use nothing they read before `settle`, but which round they are in: says so,
/// which makes long schedules feasible.
struct ForgetfulMover : Mover {
  int round;
  int moves = 0;

  ForgetfulMover(const Sample& of, int in_round) : Mover{of}, round(in_round) {
    model::only_these_matter(round);
  }

  Place move(Place from, float score) noexcept {
    const Place to = Mover::move(from, score);
    ++moves;
    model::only_these_matter(round, moves, score, to);  // all that `settle` still uses
    return to;
  }
};

template <class AnyProtocol = Protocol>
Settled settle(const Sample& sample) {
  Mover mover{sample};
  return AnyProtocol::settle(sample.score(), sample.place(), mover);
}

/// What an updating call of the index does; returns the score before.
template <class AnyProtocol = Protocol>
float add(const Sample& sample, float delta) {
  const float was = AnyProtocol::add(sample.score(), delta);
  if (was != kRemovedScore) settle<AnyProtocol>(sample);
  return was;
}

template <class AnyProtocol = Protocol>
float set(const Sample& sample, float value) {
  const float was = AnyProtocol::set(sample.score(), value);
  if (was != kRemovedScore) settle<AnyProtocol>(sample);
  return was;
}

/// The same for threads that do not look at what they read; `round` tells their calls apart.
template <class AnyProtocol = Protocol>
Settled settle_and_forget(const Sample& sample, int round) {
  ForgetfulMover mover(sample, round);
  return AnyProtocol::settle(sample.score(), sample.place(), mover);
}

template <class AnyProtocol = Protocol>
Settled add_and_forget(const Sample& sample, float delta, int round) {
  AnyProtocol::add(sample.score(), delta);
  return settle_and_forget<AnyProtocol>(sample, round);
}

Settled set_and_forget(const Sample& sample, float value) {
  Protocol::set(sample.score(), value);
  return settle_and_forget(sample, 0);
}

/// True of every sample at rest, removed ones too.
void expect_settled(const Sample& sample) {
  const float score = sample.score_cell.get();
  const Place place = sample.place_cell.get();
  expect((place & kUpdatingBit) == 0, "an updating bit was left");
  expect(sample.filed_cell.get() == place, "filed elsewhere than its place says");
  if (score != kRemovedScore) {
    expect(place == place_of(score) || place == kQueuePlace, "an update was lost: place is stale");
  }
}

/// Threads that each add 1 this often, then a look at the outcome.
template <class AnyProtocol>
Report explore_adds(std::initializer_list<int> adds_per_thread) {
  Explorer explorer;
  Sample sample;
  float sum = 0.0F;
  std::string name = "A";
  for (const int adds : adds_per_thread) {
    explorer.thread(name, [&sample, adds] {
      for (int round = 0; round < adds; ++round) add_and_forget<AnyProtocol>(sample, 1.0F, round);
    });
    ++name[0];
    sum += static_cast<float>(adds);
  }
  explorer.at_end([&] {
    expect(sample.score_cell.get() == sum, "the score is not the sum of what was added");
    expect(sample.place_cell.get() != kQueuePlace, "queued, although the redo limit is far away");
    expect_settled(sample);
  });
  return explorer.explore();
}

#define CHECK_HOLDS(explored, least_states) \
  do {                                      \
    const Report& outcome = (explored);     \
    INFO(outcome.text());                   \
    CHECK(outcome.holds());                 \
    CHECK(outcome.states > (least_states)); \
    CHECK(outcome.ends > 0);                \
  } while (false)

bool found(const Report& report, std::string_view what) {
  return report.violation.find(what) != std::string::npos;
}

// --- the scheduler itself -----------------------------------------------------------------------

TEST_CASE("scheduler: visits every order and tells the steps that lead to a lost addition") {
  Explorer explorer;
  model::Cell<int> sum("sum", 0);
  const auto add_one = [&] {
    const model::Ref<int> shared(sum);
    shared.store(shared.load() + 1);
  };
  explorer.thread("A", add_one);
  explorer.thread("B", add_one);
  SUBCASE("found") {
    explorer.at_end([&] { expect(sum.get() == 2, "an addition was lost"); });
    const Report report = explorer.explore();
    CHECK(report.violation == "an addition was lost");
    CHECK(report.text() ==
          "an addition was lost, after\n  A: sum load 0\n  B: sum load 0\n"
          "  A: sum store 1\n  B: sum store 1");
    CHECK(sum.get() == 0);
  }
  SUBCASE("counted by hand") {
    // 4 states before a store, 4 after A's as the first (B has read 0, 1 or nothing; B is done),
    // 4 after B's, and one where both read 0 and both stored.
    explorer.at_end([&] { witness(sum.get() == 1 ? "1" : "2"); });
    const Report report = explorer.explore();
    CHECK(report.holds());
    CHECK(report.seen.size() == 2);
    CHECK(report.ends == 3);  // A and B read: 0 and 0; 0 and 1; 1 and 0
    CHECK(report.states == 13);
  }
}

TEST_CASE("scheduler: a release store can be overtaken by the next load, a default one cannot") {
  const auto both_read_zero = [](std::memory_order order) {
    Explorer explorer;
    model::Atomic<int> x(0);
    model::Atomic<int> y(0);
    model::Cell<int> a_read("a_read", -1);
    model::Cell<int> b_read("b_read", -1);
    explorer.name_cells({"x", "y"});
    explorer.thread("A", [&] {
      x.store(1, order);
      expect(x.load() == 1, "a thread must see its own store");
      a_read.set(y.load());
    });
    explorer.thread("B", [&] {
      y.store(1, order);
      b_read.set(x.load());
    });
    explorer.at_end([&] {
      expect(x.load() == 1 && y.load() == 1, "a buffered store never arrived");
      expect(a_read.get() + b_read.get() != 0, "both read 0");
    });
    return explorer.explore();
  };
  CHECK(found(both_read_zero(std::memory_order_release), "both read 0"));
  CHECK_HOLDS(both_read_zero(std::memory_order_seq_cst), 10);
}

TEST_CASE("scheduler: a missing notify and an endless loop are found") {
  Explorer explorer;
  model::Atomic<int> flag(0);
  explorer.name_cells({"flag"});
  const auto await = [&] {
    while (flag.load() == 0) flag.wait(0);
  };
  explorer.thread("A", await);
  SUBCASE("with notify") {
    explorer.thread("B", [&] {
      flag.store(1);
      flag.notify_all();
    });
    CHECK_HOLDS(explorer.explore(), 6);
  }
  SUBCASE("without") {
    explorer.thread("B", [&] { flag.store(1); });
    CHECK(found(explorer.explore(), "deadlock"));
  }
  SUBCASE("notified too early") {
    explorer.thread("B", [&] {
      flag.notify_all();
      flag.store(1);
    });
    CHECK(found(explorer.explore(), "deadlock"));
  }
  SUBCASE("endless") {
    explorer.thread("B", [&] {
      while (flag.load() == 0) {
      }
    });
    CHECK(found(explorer.explore(), "no end in sight"));
  }
}

// --- the protocol -------------------------------------------------------------------------------

TEST_CASE("protocol: concurrent additions all count and the sample ends where it belongs") {
  CHECK_HOLDS(explore_adds<Protocol>({1, 1}), 100);
  CHECK_HOLDS(explore_adds<Protocol>({2, 1}), 300);
  CHECK_HOLDS(explore_adds<Protocol>({2, 2}), 1000);
  CHECK_HOLDS(explore_adds<Protocol>({1, 1, 1}), 50000);
  CHECK_HOLDS(explore_adds<Protocol>({2, 1, 1}), 300000);
}

TEST_CASE("protocol: an addition beside a set comes before or after it") {
  Explorer explorer;
  Sample sample;
  model::Cell<float> set_saw("set_saw", -1.0F);
  model::Cell<float> add_saw("add_saw", -1.0F);
  explorer.thread("A", [&] { add_saw.set(add(sample, 1.0F)); });
  explorer.thread("B", [&] { set_saw.set(set(sample, 5.0F)); });
  explorer.at_end([&] {
    const bool added_first = set_saw.get() == 1.0F;
    expect(set_saw.get() == 0.0F || added_first, "set returned a score that never was");
    expect(add_saw.get() == (added_first ? 0.0F : 5.0F), "add and set disagree on the order");
    expect(sample.score_cell.get() == (added_first ? 5.0F : 6.0F), "an update was lost");
    expect_settled(sample);
    witness(added_first ? "add, set" : "set, add");
  });
  const Report report = explorer.explore();
  CHECK_HOLDS(report, 200);
  CHECK(report.seen.size() == 2);
}

TEST_CASE("protocol: of two sets the last writer wins, also beside an addition") {
  Explorer explorer;
  Sample sample;
  explorer.thread("A", [&] { add_and_forget(sample, 1.0F, 0); });
  explorer.thread("B", [&] { set_and_forget(sample, 5.0F); });
  explorer.thread("C", [&] { set_and_forget(sample, 9.0F); });
  explorer.at_end([&] {
    const float score = sample.score_cell.get();
    expect(score == 5.0F || score == 6.0F || score == 9.0F || score == 10.0F, "a made-up score");
    expect_settled(sample);
    witness(score == 5.0F ? "5" : score == 6.0F ? "6" : score == 9.0F ? "9" : "10");
  });
  const Report report = explorer.explore();
  CHECK_HOLDS(report, 60000);
  CHECK(report.seen.size() == 4);
}

TEST_CASE("protocol: a removed sample stays removed, whatever is under way") {
  Explorer explorer;
  Sample sample;
  const auto remove = [&] {
    expect(Protocol::remove(sample.score()), "the only remover was refused");
    expect(sample.score().load() == kRemovedScore, "removed and back at once");
  };
  explorer.thread("A", remove);
  explorer.at_end([&] {
    expect(sample.score_cell.get() == kRemovedScore, "a removed sample was brought back");
    expect_settled(sample);
  });
  SUBCASE("add") {
    explorer.thread("B", [&] { witness(add(sample, 1.0F) == kRemovedScore ? "late" : "in time"); });
    const Report report = explorer.explore();
    CHECK_HOLDS(report, 50);
    CHECK(report.seen.size() == 2);
  }
  SUBCASE("set") {
    explorer.thread("B", [&] { set(sample, 3.0F); });
    CHECK_HOLDS(explorer.explore(), 50);
  }
  SUBCASE("two adds") {
    explorer.thread("B", [&] { add(sample, 1.0F); });
    explorer.thread("C", [&] { add(sample, 1.0F); });
    CHECK_HOLDS(explorer.explore(), 10000);
  }
  SUBCASE("an add and a set") {
    explorer.thread("B", [&] { add(sample, -1.0F); });
    explorer.thread("C", [&] { set(sample, 3.0F); });
    CHECK_HOLDS(explorer.explore(), 10000);
  }
  SUBCASE("settled by all, the remover too") {
    const auto add_and_settle = [&] {
      Protocol::add(sample.score(), 1.0F);
      settle(sample);
    };
    explorer.thread("B", add_and_settle);
    explorer.thread("C", [&] { settle(sample); });
    CHECK_HOLDS(explorer.explore(), 10000);
  }
}

/// How many of the removers were told that they removed the one sample must be one.
template <class AnyProtocol>
Report explore_removers(int removers, int adders) {
  Explorer explorer;
  Sample sample;
  model::Cell<int> winners("winners", 0);
  std::string name = "A";
  for (int i = 0; i < removers; ++i, ++name[0]) {
    explorer.thread(name, [&] {
      if (AnyProtocol::remove(sample.score())) winners.set(winners.get() + 1);
    });
  }
  for (int i = 0; i < adders; ++i, ++name[0]) {
    explorer.thread(name, [&] { add<AnyProtocol>(sample, 1.0F); });
  }
  explorer.at_end([&] {
    expect(winners.get() == 1, "a sample was given to none or to several");
    expect(sample.score_cell.get() == kRemovedScore, "a removed sample was brought back");
    expect_settled(sample);
  });
  return explorer.explore();
}

TEST_CASE("protocol: of several removers one wins") {
  CHECK_HOLDS(explore_removers<Protocol>(2, 0), 10);
  CHECK_HOLDS(explore_removers<Protocol>(3, 0), 50);
  CHECK_HOLDS(explore_removers<Protocol>(2, 1), 200);
  CHECK_HOLDS(explore_removers<Protocol>(1, 2), 20000);
}

TEST_CASE("protocol: an owner overtaken again and again queues the sample, and nothing is lost") {
  constexpr int kRounds = socbi::tuning::kRedoLimit + 2;
  Explorer explorer;
  Sample sample;
  explorer.thread("A", [&] {
    if (add_and_forget(sample, 2.0F, 0) == Settled::kQueued) witness("queued");
  });
  explorer.thread("B", [&] {
    for (int round = 0; round < kRounds; ++round) {
      add_and_forget(sample, round % 2 == 0 ? 1.0F : -1.0F, round);
    }
  });
  explorer.at_end([&] {
    expect(sample.score_cell.get() == 2.0F + kRounds % 2, "the score is not the sum");
    expect_settled(sample);
    witness(sample.place_cell.get() == kQueuePlace ? "ended queued" : "ended in place");
  });
  const Report report = explorer.explore();
  CHECK_HOLDS(report, 100000);
  CHECK(report.seen.count("queued") == 1);
  CHECK(report.seen.count("ended queued") == 1);
  CHECK(report.seen.count("ended in place") == 1);
}

// --- variants that must fail --------------------------------------------------------------------

/// As the paper prints Algorithm 1: compare, then store "none". What was added between is lost.
struct PrintedProtocol : Protocol {
  template <class AnyMover>
  static Settled settle(model::Ref<float> score, model::Ref<Place> place, AnyMover& mover) {
    Place from = place.load();
    do {
      if ((from & kUpdatingBit) != 0) return Settled::kHandedOver;
    } while (!place.compare_exchange_weak(from, from | kUpdatingBit));
    float moved_for = 0.0F;
    do {
      moved_for = score.load();
      from = mover.move(from, moved_for);
    } while (score.load() != moved_for);
    place.store(from);
    return Settled::kMoved;
  }
};

/// The right order of steps with acquire and release, which lets the second look at the score
/// overtake the release of the place. With kStoreOrder seq_cst it is the right protocol again.
template <std::memory_order kStoreOrder>
struct OrderedProtocol : Protocol {
  template <class AnyMover>
  static Settled settle(model::Ref<float> score, model::Ref<Place> place, AnyMover& mover) {
    while (true) {
      Place from = place.load(std::memory_order_acquire);
      do {
        if ((from & kUpdatingBit) != 0) return Settled::kHandedOver;
      } while (!place.compare_exchange_weak(from, from | kUpdatingBit, std::memory_order_acquire));
      const float moved_for = score.load(std::memory_order_acquire);
      place.store(mover.move(from, moved_for), kStoreOrder);
      if (score.load(std::memory_order_acquire) == moved_for) return Settled::kMoved;
    }
  }
};

/// Clears the bit before the move is done.
struct EarlyReleaseProtocol : Protocol {
  template <class AnyMover>
  static Settled settle(model::Ref<float> score, model::Ref<Place> place, AnyMover& mover) {
    while (true) {
      Place from = place.load();
      do {
        if ((from & kUpdatingBit) != 0) return Settled::kHandedOver;
      } while (!place.compare_exchange_weak(from, from | kUpdatingBit));
      const float moved_for = score.load();
      place.store(place_of(moved_for));
      mover.move(from, moved_for);
      if (score.load() == moved_for) return Settled::kMoved;
    }
  }
};

/// Looks whether the sample was removed, then writes without looking again.
struct PlainStoreProtocol : Protocol {
  static float add(model::Ref<float> score, float delta) {
    const float was = score.load();
    score.store(was + delta);
    return was;
  }

  static float set(model::Ref<float> score, float value) {
    const float was = score.load();
    if (was != kRemovedScore) score.store(value);
    return was;
  }

  static bool remove(model::Ref<float> score) { return set(score, kRemovedScore) != kRemovedScore; }
};

TEST_CASE("variant: the printed protocol loses an update") {
  const Report report = explore_adds<PrintedProtocol>({1, 1});
  CHECK(report.violation == "an update was lost: place is stale");
  CHECK(report.schedule.size() > 8);
  CHECK(explore_adds<PrintedProtocol>({1}).holds());
}

TEST_CASE("variant: acquire and release are too weak, one sequentially consistent store mends it") {
  const Report report = explore_adds<OrderedProtocol<std::memory_order_release>>({1, 1});
  CHECK(report.violation == "an update was lost: place is stale");
  CHECK(std::any_of(report.schedule.begin(), report.schedule.end(), [](const std::string& step) {
    return step.find("leaves the buffer") != std::string::npos;
  }));
  CHECK_HOLDS(explore_adds<OrderedProtocol<std::memory_order_seq_cst>>({1, 1}), 100);
}

TEST_CASE("variant: releasing before the move lets two threads move one sample") {
  CHECK(found(explore_adds<EarlyReleaseProtocol>({1, 1}), "filed elsewhere"));
}

TEST_CASE("variant: plain stores lose additions, bring back the removed, give it away twice") {
  CHECK(found(explore_adds<PlainStoreProtocol>({1, 1}), "not the sum"));
  CHECK(found(explore_removers<PlainStoreProtocol>(1, 1), "brought back"));
  CHECK(found(explore_removers<PlainStoreProtocol>(2, 0), "to none or to several"));
}

TEST_CASE("variant: a removal outside compare-exchange is undone by a set that is under way") {
  Explorer explorer;
  Sample sample;
  explorer.thread("A", [&] { Protocol::remove(sample.score()); });
  explorer.thread("B", [&] { set<PlainStoreProtocol>(sample, 2.0F); });
  explorer.at_end([&] {
    expect(sample.score_cell.get() == kRemovedScore, "a removed sample was brought back");
  });
  CHECK(found(explorer.explore(), "brought back"));
}

// --- the gate -----------------------------------------------------------------------------------

/// Who is inside, kept by plain accesses, so a check sees the very moment and adds no steps.
struct Room {
  Gate gate;
  model::Cell<int> alone{"alone", 0};
  model::Cell<int> sharing{"sharing", 0};

  void stay_alone() {
    expect(alone.get() == 0 && sharing.get() == 0, "alone with somebody else inside");
    alone.set(1);
    model::pause();
    expect(alone.get() == 1 && sharing.get() == 0, "somebody came in to one that is alone");
    alone.set(0);
  }

  void stay_sharing() {
    expect(alone.get() == 0, "shares with one that is alone");
    sharing.set(sharing.get() + 1);
    model::pause();
    expect(alone.get() == 0, "one wanted to be alone and came in to company");
    if (sharing.get() > 1) witness("overlap");
    sharing.set(sharing.get() - 1);
  }
};

enum class Visit { kAlone, kShared, kUpdate, kUpdateThenShare };

void visit(Room& room, Visit how) {
  switch (how) {
    case Visit::kAlone:
      room.gate.enter_alone();
      room.stay_alone();
      room.gate.leave_alone();
      return;
    case Visit::kShared:
      room.gate.enter_shared();
      room.stay_sharing();
      room.gate.leave_shared();
      return;
    case Visit::kUpdate:
      if (room.gate.try_enter_alone()) {
        witness("alone at once");
        room.stay_alone();
        room.gate.leave_alone();
      } else {
        visit(room, Visit::kShared);
      }
      return;
    case Visit::kUpdateThenShare:
      if (!room.gate.try_enter_alone()) {
        visit(room, Visit::kShared);
        return;
      }
      room.stay_alone();
      if (!room.gate.contended_alone()) {
        room.gate.leave_alone();
        return;
      }
      witness("let others in");
      room.gate.let_others_in();
      room.stay_sharing();
      room.gate.leave_shared();
      return;
  }
}

Report explore_visits(const std::vector<std::vector<Visit>>& visits_per_thread) {
  Explorer explorer;
  Room room;
  explorer.name_cells({"next_ticket", "served", "company"});
  std::string name = "A";
  for (const std::vector<Visit>& visits : visits_per_thread) {
    explorer.thread(name, [&room, &visits] {
      for (std::size_t round = 0; round < visits.size(); ++round) visit(room, visits[round]);
    });
    ++name[0];
  }
  explorer.at_end([&] {
    expect(room.gate.try_enter_alone(), "everybody left and the gate is still closed");
    room.gate.leave_alone();
    expect(!room.gate.contended_shared(), "everybody left and somebody still waits");
  });
  return explorer.explore();
}

constexpr Visit kVisits[] = {Visit::kAlone, Visit::kShared, Visit::kUpdate,
                             Visit::kUpdateThenShare};

TEST_CASE("gate: two threads, every pair of visits each: exclusion, no deadlock, no lost wake-up") {
  std::size_t states = 0;
  std::set<std::string_view> seen;
  for (const Visit a1 : kVisits) {
    for (const Visit a2 : kVisits) {
      for (const Visit b1 : kVisits) {
        for (const Visit b2 : kVisits) {
          if (std::pair(a1, a2) > std::pair(b1, b2)) continue;  // the threads are alike
          const Report report = explore_visits({{a1, a2}, {b1, b2}});
          CHECK_HOLDS(report, 100);
          states += report.states;
          seen.insert(report.seen.begin(), report.seen.end());
        }
      }
    }
  }
  CHECK(states > 1000000);
  CHECK(seen.size() == 3);
}

TEST_CASE("gate: three threads, every mix of visits") {
  std::size_t states = 0;
  for (const Visit a : kVisits) {
    for (const Visit b : kVisits) {
      for (const Visit c : kVisits) {
        if (a > b || b > c) continue;  // the threads are alike
        const Report report = explore_visits({{a}, {b}, {c}});
        CHECK_HOLDS(report, 1000);
        states += report.states;
      }
    }
  }
  CHECK(states > 2000000);
}

TEST_CASE("gate: those that share are inside together, also beside one that let them in") {
  CHECK(explore_visits({{Visit::kShared}, {Visit::kShared}}).seen.count("overlap") == 1);
  const Report let_in = explore_visits({{Visit::kUpdateThenShare}, {Visit::kShared}});
  CHECK(let_in.seen.count("let others in") == 1);
  CHECK(let_in.seen.count("overlap") == 1);
}

TEST_CASE("gate: who waited when another came is served before it") {
  for (const bool a_alone : {true, false}) {
    for (const bool b_alone : {true, false}) {
      if (!a_alone && !b_alone) continue;  // both may then be inside: there is no before
      Explorer explorer;
      Room room;
      model::Cell<bool> a_was_in("a_was_in", false);
      explorer.name_cells({"next_ticket", "served", "company"});
      room.gate.enter_alone();  // B holds the gate when the threads start
      const auto enter = [&room](bool alone) {
        alone ? room.gate.enter_alone() : room.gate.enter_shared();
      };
      const auto leave = [&room](bool alone) {
        alone ? room.gate.leave_alone() : room.gate.leave_shared();
      };
      explorer.thread("A", [&] {
        enter(a_alone);
        a_was_in.set(true);
        leave(a_alone);
      });
      explorer.thread("B", [&] {
        const bool a_waits = room.gate.contended_alone();
        room.gate.leave_alone();
        enter(b_alone);
        if (a_waits) {
          witness("waited");
          expect(a_was_in.get(), "overtaken");
        }
        leave(b_alone);
      });
      const Report report = explorer.explore();
      CHECK_HOLDS(report, 50);
      CHECK(report.seen.count("waited") == 1);
    }
  }
}

TEST_CASE("gate: nobody joins the company past one that waits to be alone") {
  Explorer explorer;
  Room room;
  model::Cell<bool> a_was_in("a_was_in", false);
  explorer.name_cells({"next_ticket", "served", "company"});
  room.gate.enter_shared();  // B and C share the gate when the threads start
  room.gate.enter_shared();
  explorer.thread("A", [&] {
    room.gate.enter_alone();
    a_was_in.set(true);
    room.gate.leave_alone();
  });
  explorer.thread("B", [&] {
    const bool a_waits = room.gate.contended_shared();
    room.gate.leave_shared();
    room.gate.enter_shared();
    if (a_waits) {
      witness("waited");
      expect(a_was_in.get(), "overtaken");
    }
    room.gate.leave_shared();
  });
  explorer.thread("C", [&] { room.gate.leave_shared(); });
  const Report report = explorer.explore();
  CHECK_HOLDS(report, 300);
  CHECK(report.seen.count("waited") == 1);
}

// --- gate and protocol together -----------------------------------------------------------------

/// Updates share the gate, a retrieval has it alone and takes the sample out.
struct Index {
  Gate gate;
  Sample sample;
  model::Cell<int> added{"added", 0};        // additions that changed the score
  model::Cell<int> returned{"returned", 0};  // updates that have left the gate
  model::Cell<int> taken{"taken", 0};        // retrievals that were given the sample

  void update() {
    gate.enter_shared();
    const float was = Protocol::add(sample.score(), 1.0F);
    if (was != kRemovedScore) {
      added.set(added.get() + 1);
      settle(sample);
    }
    gate.leave_shared();
    returned.set(returned.get() + 1);
  }

  /// Alone if nobody is here, then without the protocol: plain stores, published by leaving.
  void update_alone_or_shared() {
    if (!gate.try_enter_alone()) return update();
    witness("updated alone");
    const float was = sample.score().load(std::memory_order_relaxed);
    if (was != kRemovedScore) {
      added.set(added.get() + 1);
      sample.score().store(was + 1.0F, std::memory_order_relaxed);
      const Place from = sample.place().load(std::memory_order_relaxed);
      const Place to = Mover{sample}.move(from, was + 1.0F);
      sample.place().store(to, std::memory_order_relaxed);
    }
    gate.leave_alone();
    returned.set(returned.get() + 1);
  }

  void retrieve() {
    model::pause();  // so that the call can begin after others have returned
    const int returned_before = returned.get();
    gate.enter_alone();
    const float score = sample.score().load();
    if (score != kRemovedScore) {
      expect(score >= static_cast<float>(returned_before), "an update that returned is missing");
      expect(score == static_cast<float>(added.get()), "an update is half done");
      const Place place = sample.place().load();
      expect((place & kUpdatingBit) == 0, "somebody is moving it while a retrieval is alone");
      expect(place == place_of(score), "the retrieval finds it in the wrong place");
      expect(sample.filed().load() == place, "filed elsewhere than its place says");
      // A plain store in the index; leaving the gate publishes it.
      sample.score().store(kRemovedScore, std::memory_order_relaxed);
      taken.set(taken.get() + 1);
      if (returned_before > 0) witness("after an update");
      if (returned_before == 0 && score == 0.0F) witness("before all updates");
    } else {
      witness("too late");
    }
    gate.leave_alone();
  }

  void expect_retrieved_once() {
    expect(taken.get() == 1, "the sample was given to none or to several");
    expect(sample.score_cell.get() == kRemovedScore, "a retrieved sample was brought back");
    expect_settled(sample);
  }
};

Report explore_index(void (Index::*update)(), int updaters, int retrievers) {
  Explorer explorer;
  Index index;
  explorer.name_cells({"next_ticket", "served", "company"});
  std::string name = "A";
  for (int i = 0; i < updaters; ++i, ++name[0]) explorer.thread(name, [&] { (index.*update)(); });
  for (int i = 0; i < retrievers; ++i, ++name[0]) explorer.thread(name, [&] { index.retrieve(); });
  explorer.at_end([&] { index.expect_retrieved_once(); });
  return explorer.explore();
}

TEST_CASE("gate and protocol: a retrieval counts every update that returned before it") {
  const Report report = explore_index(&Index::update, /*updaters=*/2, /*retrievers=*/1);
  CHECK_HOLDS(report, 200000);
  CHECK(report.seen.count("after an update") == 1);
  CHECK(report.seen.count("before all updates") == 1);
}

TEST_CASE("gate and protocol: plain updates by one that is alone mix with shared ones") {
  const Report report =
      explore_index(&Index::update_alone_or_shared, /*updaters=*/2, /*retrievers=*/1);
  CHECK_HOLDS(report, 10000);
  CHECK(report.seen.count("updated alone") == 1);
  CHECK(report.seen.count("after an update") == 1);
}

TEST_CASE("gate and protocol: of two retrievals one is given the sample") {
  const Report report = explore_index(&Index::update, /*updaters=*/1, /*retrievers=*/2);
  CHECK_HOLDS(report, 5000);
  CHECK(report.seen.count("too late") == 1);
}

}  // namespace
