//! What the manager promises, each promise as one test.
//!
//! | | the test here | what else shows it |
//! |---|---|---|
//! | R1 | `exclusive_operations_never_overlap_and_the_session_listens_meanwhile` (together.rs) | `exclusive_operations_of_a_session_never_overlap_and_shared_ones_do` (operations.rs), `updates_keep_flowing_while_an_exclusive_operation_runs` (monitoring.rs) |
//! | R2 | `two_hundred_and_fifty_sessions_begin_to_listen_at_once_while_others_work` (together.rs) | the demo (tgsession-cli) |
//! | R3 | `a_failing_handler_concerns_nobody_else_and_each_handler_hears_each_event_once` (together.rs) | monitoring.rs, gaps, `whatever_goes_wrong_everything_is_accounted_for` (chaos) |
//! | R4 | `five_exports_at_most_a_freed_slot_is_used_at_once_and_waiting_costs_none` (together.rs) | `no_more_exports_run_at_once_than_there_are_permits_and_a_freed_one_is_used` (operations.rs), `a_slot_is_not_held_during_backoff` (defects/locks.rs) |
//! | R5 | `every_task_is_listed_and_gone_after_the_shutdown` (given_back.rs) | `a_task_that_ignores_everything_is_reported_as_a_survivor` (operations.rs), `tasks_of_a_shutdown_are_gone_after_it_and_no_counter_is_negative` (defects/life.rs) |
//! | R6 | `everything_is_back_before_an_error_reaches_the_caller` (given_back.rs) | contention.rs, chaos |
//! | R7 | `a_circular_wait_is_reported_and_a_timeout_lets_others_go_on` (given_back.rs) | contention.rs: each of the eight locks; hierarchy.rs: all pairs of levels |
//! | R8 | `errors_and_refusals_have_types` (answers.rs) | `a_refusal_is_final_and_typed` (failures.rs), sessions.rs |
//! | R9 | `every_operation_is_answered_once_whatever_its_end` (answers.rs) | `every_submission_gets_exactly_one_outcome_also_when_the_session_stops` (operations.rs), chaos |
//! | R10 | `what_may_have_been_sent_is_said_so_and_sent_once_over_restarts_too` (answers.rs) | failures.rs, chaos |

mod answers;
mod given_back;
mod together;
