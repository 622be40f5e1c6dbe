"""All routes: admin, API by app, health, schema."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from exchange_site.api import api_not_found
from exchange_site.health import health, health_live
from marketdata.gateway.web import md_health
from marketdata.listing import listing_page

handler400 = "exchange_site.errors.bad_request"
handler403 = "exchange_site.errors.permission_denied"
handler404 = "exchange_site.errors.not_found"
handler500 = "exchange_site.errors.server_error"

urlpatterns = [
    path("", include("accounts.page_urls")),
    path("", include("settlement.page_urls")),
    path("market/listing.json", listing_page, name="listing"),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("health", health, name="health"),
    path("health/live", health_live, name="health-live"),
    path("md/health", md_health, name="md-health"),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/", include("accounts.urls")),
    path("api/", include("trading.urls")),
    path("api/", include("marketdata.urls")),
    path("api/", include("settlement.urls")),
    path("api/", include("monitoring.urls")),
    path("api/<path:rest>", api_not_found),
    path("", include("accounts.tqauth")),
]
