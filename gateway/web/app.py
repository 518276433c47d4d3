"""The pages and what they call. Each answers from the gateway's gRPC contract alone."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from gateway.web.backend import Backend
from gateway.web.byterange import parse_range
from gateway.web.events import events_of
from gateway.web.form import SIZES, STYLES, locales_of, name_of_locale, spec_of, violations_by_input
from gateway.web.security import BodyLimit, PageHeaders
from gateway.web.view import KIND_SLUGS, file_name_of, view_of
from locutor.errors import InvalidInput, LocutorError, NotFound, Unauthenticated
from locutor.status import code_of

_HERE = Path(__file__).parent
_HTTP_STATUS = {3: 422, 5: 404, 6: 409, 7: 403, 8: 429, 9: 503, 11: 422, 14: 503, 16: 401}
"""From google.rpc.Code to HTTP; any other is 500. 422 instead of 400, for a form that was read but cannot be used."""

_COOKIE = "locutor_token"

templates = Jinja2Templates(directory=_HERE / "templates")


def create_app(gateway_address: str, *, needs_token: bool = False, local_only: bool = True) -> Starlette:
    """The ASGI application. `local_only` also refuses requests that name another host: a page elsewhere must not reach the loopback through a rebound name."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.backend = Backend(gateway_address)
        app.state.needs_token = needs_token
        yield
        await app.state.backend.close()

    middleware = [Middleware(PageHeaders), Middleware(BodyLimit)]
    if local_only:
        middleware.append(Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]"]))
    return Starlette(
        routes=[
            Route("/", form_page),
            Route("/login", login_page, methods=["GET", "POST"]),
            Route("/faces", upload_face, methods=["POST"]),
            Route("/jobs", jobs_page),
            Route("/jobs", create_job, methods=["POST"]),
            Route("/jobs/{job}", job_page),
            Route("/jobs/{job}/events", job_events),
            Route("/jobs/{job}/results", job_results),
            Route("/jobs/{job}/cancel", cancel_job, methods=["POST"]),
            Route("/jobs/{job}/{locale}/{kind}", download),
            Mount("/static", StaticFiles(directory=_HERE / "static"), name="static"),
        ],
        middleware=middleware,
        exception_handlers={LocutorError: on_error, HTTPException: on_http_error},
        lifespan=lifespan,
    )


async def form_page(request: Request) -> Response:
    catalog = await _backend(request).catalog()
    context = {"locales": locales_of(catalog), "sizes": SIZES, "styles": STYLES, "errors": {}}
    return templates.TemplateResponse(request, "form.html", context)


async def upload_face(request: Request) -> Response:
    """Keep the image and say whether it will do, while the person still writes the script."""
    _same_origin(request)
    backend = _backend(request)
    async with request.form(max_files=1) as form:
        uri = await _upload(backend, form)
    if not uri:
        raise InvalidInput.of("present.face_uri", "no file arrived; choose an image of a face", "MISSING")
    inspection = await backend.inspect_face(uri)
    findings = [{"error": f.severity == 2, "message": f.message} for f in inspection.findings]
    return JSONResponse({"uri": uri, "usable": inspection.usable, "findings": findings})


async def create_job(request: Request) -> Response:
    _same_origin(request)
    backend = _backend(request)
    async with request.form(max_files=1) as form:
        try:
            face = str(form.get("face_uri", "")) or await _upload(backend, form)
            job = await backend.create_job(spec_of(form, face), str(form.get("request_id", ""))[:128])
        except InvalidInput as error:
            return await _refused(request, form, error)
    target = request.url_for("job_page", job=job.id).path
    if _wants_json(request):
        return JSONResponse({"location": target}, 201)
    return RedirectResponse(target, 303)


async def jobs_page(request: Request) -> Response:
    jobs = await _backend(request).list_jobs()
    return templates.TemplateResponse(request, "jobs.html", {"jobs": [view_of(job) for job in jobs]})


async def job_page(request: Request) -> Response:
    backend, job_id = _backend(request), request.path_params["job"]
    job = await backend.job(job_id)
    return templates.TemplateResponse(request, "job.html", {"job": view_of(job), "events": events_of(job, await backend.events(job_id))})


async def job_results(request: Request) -> Response:
    """The part of the page that changes as locales end."""
    job = await _backend(request).job(request.path_params["job"])
    return templates.TemplateResponse(request, "_results.html", {"job": view_of(job)})


async def job_events(request: Request) -> Response:
    """Server-sent events: `job` at each change, `end` after the last."""
    backend, job_id = _backend(request), request.path_params["job"]
    await backend.job(job_id)

    async def events() -> AsyncIterator[dict[str, str]]:
        async for job in backend.watch(job_id):
            yield {"event": "job", "data": view_of(job).to_json()}
        yield {"event": "end", "data": ""}

    return EventSourceResponse(events(), ping=15)


async def cancel_job(request: Request) -> Response:
    _same_origin(request)
    job = await _backend(request).cancel(request.path_params["job"])
    return RedirectResponse(request.url_for("job_page", job=job.id).path, 303)


async def download(request: Request) -> Response:
    """An output of a job, whole or a range of it, as players ask for."""
    backend = _backend(request)
    job = await backend.job(request.path_params["job"])
    locale, kind = request.path_params["locale"], KIND_SLUGS.get(request.path_params["kind"])
    media = next((o.media for r in job.results if r.locale == locale for o in r.outputs if o.kind == kind), None)
    if media is None or kind is None:
        raise NotFound(f"job {job.id} has no {request.path_params['kind']} for {locale}")
    span = parse_range(request.headers.get("range"), media.size_bytes)
    if span is None:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{media.size_bytes}"})
    first, last = span
    partial = "range" in request.headers
    disposition = "attachment" if "download" in request.query_params else "inline"
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(last - first + 1),
        "Content-Disposition": f'{disposition}; filename="{file_name_of(job, locale, kind)}"',
        # The address names content by job, locale and kind, which never changes once it is there.
        "Cache-Control": "private, max-age=86400, immutable",
    }
    if partial:
        headers["Content-Range"] = f"bytes {first}-{last}/{media.size_bytes}"
    if request.method == "HEAD":
        return Response(status_code=206 if partial else 200, headers=headers, media_type=media.content_type)
    return StreamingResponse(backend.download(media.uri, first, last), 206 if partial else 200, headers, media_type=media.content_type)


async def login_page(request: Request) -> Response:
    if request.method == "GET":
        return templates.TemplateResponse(request, "login.html", {"wrong": False})
    _same_origin(request)
    form = await request.form(max_files=0)
    token = str(form.get("token", "")).strip()
    try:
        await Backend.of(request.app.state.backend, token).catalog()
    except Unauthenticated:
        return templates.TemplateResponse(request, "login.html", {"wrong": True}, 401)
    response = RedirectResponse("/", 303)
    # This server speaks plain HTTP: only the browser knows whether a proxy before it speaks TLS.
    secure = request.headers.get("origin", "").startswith("https:")
    response.set_cookie(_COOKIE, token, httponly=True, samesite="strict", secure=secure, max_age=30 * 86400)
    return response


async def on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LocutorError)
    if isinstance(error, Unauthenticated) and not _wants_json(request):
        return RedirectResponse("/login", 303)
    status = _HTTP_STATUS.get(code_of(error), 500)
    headers = {"Retry-After": str(int(error.retry_after_s + 1))} if error.retry_after_s else None
    if _wants_json(request):
        return JSONResponse({"message": error.message, "errors": violations_by_input(error)}, status, headers)
    return templates.TemplateResponse(request, "error.html", {"message": error.message, "status": status}, status, headers)


async def on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = "This page does not exist." if error.status_code == 404 else error.detail
    if _wants_json(request):
        return JSONResponse({"message": message, "errors": {}}, error.status_code)
    return templates.TemplateResponse(request, "error.html", {"message": message, "status": error.status_code}, error.status_code)


async def _refused(request: Request, form: FormData, error: InvalidInput) -> Response:
    errors = violations_by_input(error, [str(t) for t in form.getlist("targets")])
    if _wants_json(request):
        return JSONResponse({"message": "", "errors": errors}, 422)
    catalog = await _backend(request).catalog()
    context = {"locales": locales_of(catalog), "sizes": SIZES, "styles": STYLES, "errors": errors, "form": form, "name_of": name_of_locale}
    return templates.TemplateResponse(request, "form.html", context, 422)


async def _upload(backend: Backend, form: FormData) -> str:
    file = form.get("face")
    if not isinstance(file, UploadFile) or not file.size:
        return ""
    return await backend.upload(file)


def _backend(request: Request) -> Backend:
    shared: Backend = request.app.state.backend
    if not request.app.state.needs_token:
        return shared
    token = request.cookies.get(_COOKIE)
    if not token:
        raise Unauthenticated("log in with a token first")
    return Backend.of(shared, token)


def _wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def _same_origin(request: Request) -> None:
    """Refuse what another site's page sends with this browser's rights."""
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign or request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise HTTPException(403, "This request comes from another site.")
