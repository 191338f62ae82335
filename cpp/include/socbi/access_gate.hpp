// Who may touch the index now: one call alone, or several updating calls beside each other.
//
// Promises:
// - While one holder is alone, no other holder is inside: it may use plain reads and writes.
// - Holders that share may run beside each other, never beside one that is alone.
// - First come, first served: nobody overtakes, so nobody waits for ever.
// - What a holder wrote is seen by every holder that enters after it left.
//
// It is a ticket lock with room for company: every entrant draws a ticket and waits until it is
// served; one that shares lets the next be served as soon as it is in, one that wants to be alone
// waits until the company has left and keeps the next waiting until it leaves itself.
//
//   AccessGate gate;
//   if (!gate.try_enter_alone()) gate.enter_shared();   // an update: alone if nobody is here
//   ...
//   if (gate.contended()) gate.let_others_in();          // alone -> shared, at a block boundary
//
// Whoever destroys the gate must have seen every holder return from leaving it: a leaver still
// touches it after it has let the next one in.
//
// The atomic type is a parameter so that tests can run every interleaving. All operations are
// sequentially consistent, the default: the gate is entered once a call or a block, not once an
// update, so there is nothing to gain from a weaker order.
#pragma once

#include <atomic>
#include <cstdint>

namespace socbi {

template <template <class> class Atomic>
class BasicAccessGate {
 public:
  BasicAccessGate() = default;
  BasicAccessGate(const BasicAccessGate&) = delete;
  BasicAccessGate& operator=(const BasicAccessGate&) = delete;

  void enter_alone() {
    await_turn(next_ticket_.fetch_add(1));
    await_company_gone();
  }

  /// Enters alone if nobody is inside and nobody waits. Never blocks.
  [[nodiscard]] bool try_enter_alone() {
    // The order of the two reads matters: whoever was served before us has been counted in
    // `company_` before it advanced `served_`.
    std::uint32_t ticket = served_.load();
    return company_.load() == 0 && next_ticket_.compare_exchange_strong(ticket, ticket + 1);
  }

  void leave_alone() { serve_next(); }

  void enter_shared() {
    await_turn(next_ticket_.fetch_add(1));
    company_.fetch_add(1);
    serve_next();
  }

  void leave_shared() {
    if (company_.fetch_sub(1) == 1) company_.notify_all();
  }

  /// One that was alone goes on as one that shares, without a moment in which it held nothing.
  void let_others_in() {
    company_.fetch_add(1);
    serve_next();
  }

  /// Asked by a holder: does anybody wait? (An entrant that is just passing through counts too.)
  [[nodiscard]] bool contended_alone() const { return next_ticket_.load() != served_.load() + 1; }
  [[nodiscard]] bool contended_shared() const { return next_ticket_.load() != served_.load(); }

 private:
  void await_turn(std::uint32_t ticket) {
    for (std::uint32_t served = served_.load(); served != ticket; served = served_.load()) {
      served_.wait(served);
    }
  }

  void await_company_gone() {
    for (std::uint32_t company = company_.load(); company != 0; company = company_.load()) {
      company_.wait(company);
    }
  }

  void serve_next() {
    served_.fetch_add(1);
    served_.notify_all();
  }

  Atomic<std::uint32_t> next_ticket_{0};
  Atomic<std::uint32_t> served_{0};
  Atomic<std::uint32_t> company_{0};
};

using AccessGate = BasicAccessGate<std::atomic>;

}  // namespace socbi
