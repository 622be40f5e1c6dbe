"""The product's routes and an empty DRF view with its authentication, parser and renderer."""

from typing import Any

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from exchange_site.urls import urlpatterns as product_urls


class Empty(APIView):
    """Authenticates, parses the body, answers nothing."""

    def post(self, request: Request) -> Response:
        body: Any = request.data
        return Response({"fields": len(body)})


urlpatterns = [path("bench/empty", Empty.as_view()), *product_urls]
