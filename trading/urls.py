"""REST routes under /api/."""

from django.urls import path

from trading import account_api as accounts
from trading import approval_api as approvals
from trading import audit_api, instrument_urls
from trading import bank_api as banks
from trading import condition_api as conditions
from trading import management_api as management
from trading import notification_api as notices
from trading import order_api as orders
from trading import rate_api as rates
from trading import record_api as records
from trading import risk_api as risk

urlpatterns = [
    *instrument_urls.urlpatterns,
    path("account/open", accounts.OpenAccountView.as_view()),
    path("account/deposit", accounts.DepositView.as_view()),
    path("account/withdraw", accounts.WithdrawView.as_view()),
    path("account/transfer", banks.TransferView.as_view()),
    path("account/<str:account_id>", accounts.OneAccount.as_view()),
    path("account/<str:account_id>/detail", accounts.AccountDetail.as_view()),
    path("account/<str:account_id>/flows", accounts.Flows.as_view()),
    path("account/<str:account_id>/banks", banks.Banks.as_view()),
    path("account/<str:account_id>/transfers", banks.Transfers.as_view()),
    path("account/<str:account_id>/password", banks.Passwords.as_view()),
    path("account/<str:account_id>/status", banks.Status.as_view()),
    path("account/<str:account_id>/commission", banks.Commission.as_view()),
    path("account/<str:account_id>/margin", banks.Margin.as_view()),
    path("user/<str:user_id>/accounts", accounts.UserAccounts.as_view()),
    path("user/<str:user_id>/account/create", accounts.CreateAccountView.as_view()),
    path("order/submit", orders.Submit.as_view()),
    path("order/submit-batch", orders.SubmitBatch.as_view()),
    path("order/check", orders.Check.as_view()),
    path("order/cancel", orders.Cancel.as_view()),
    path("order/cancel-batch", orders.CancelBatch.as_view()),
    path("order/cancel-all", orders.CancelAllOrders.as_view()),
    path("order/modify", orders.Modify.as_view()),
    path("order/close", orders.Close.as_view()),
    path("order/user/<str:account_id>", records.AccountOrders.as_view()),
    path("order/<str:order_id>", records.OneOrder.as_view()),
    path("orders", records.Orders.as_view()),
    path("conditional-orders", conditions.Conditionals.as_view()),
    path("conditional-orders/<str:order_id>", conditions.OneConditional.as_view()),
    path("conditional-orders/<str:order_id>/suspend", conditions.Suspend.as_view()),
    path("conditional-orders/<str:order_id>/resume", conditions.Resume.as_view()),
    path("trades", records.Trades.as_view()),
    path("trades/user/<str:account_id>", records.AccountTrades.as_view()),
    path("notifications", notices.Notifications.as_view()),
    path("positions", records.Positions.as_view()),
    path("position/<str:account_id>", records.AccountPositions.as_view()),
    path("management/accounts", management.Accounts.as_view()),
    path("management/deposit", management.DepositView.as_view()),
    path("management/withdraw", management.WithdrawView.as_view()),
    path("admin/rates/commission", rates.CommissionRates.as_view()),
    path("admin/rates/margin", rates.MarginRates.as_view()),
    path("audit/logs", audit_api.AuditLogs.as_view()),
    path("management/risk/accounts", risk.RiskAccounts.as_view()),
    path("management/risk/margin-summary", risk.MarginSummary.as_view()),
    path("management/risk/liquidations", risk.Liquidations.as_view()),
    path("management/risk/force-liquidate", risk.ForceLiquidate.as_view()),
    path("management/risk/hold-back", risk.HoldBack.as_view()),
    path("management/approvals", approvals.Requests.as_view()),
    path("management/approvals/<str:request_id>/approve", approvals.Approve.as_view()),
    path("management/approvals/<str:request_id>/reject", approvals.Reject.as_view()),
    path("management/transactions/<str:account_id>", management.Transactions.as_view()),
    path("management/account/<str:account_id>/detail", management.Detail.as_view()),
    path("management/account/<str:account_id>/freeze", management.Freeze.as_view()),
    path("management/account/<str:account_id>/unfreeze", management.Unfreeze.as_view()),
    path("management/account/<str:account_id>/approve", management.Approve.as_view()),
    path("management/account/<str:account_id>/reject", management.Reject.as_view()),
    path("management/account/<str:account_id>/close", management.Close.as_view()),
]
