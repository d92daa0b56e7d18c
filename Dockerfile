# Two build arguments name the images of .NET 10 (on Debian or Ubuntu), since where they come from is the builder's choice:
#   docker buildx build --build-arg SDK_IMAGE=<...>/dotnet/sdk:10.0 --build-arg RUNTIME_IMAGE=<...>/dotnet/aspnet:10.0 \
#     --platform linux/amd64,linux/arm64 -t nodeagent .
# Without an engine: tests/services/image build (docs/testing.md).
ARG SDK_IMAGE
ARG RUNTIME_IMAGE

# On the builder's own platform, whatever the image is for: what it makes is the same for all.
FROM --platform=${BUILDPLATFORM} ${SDK_IMAGE} AS build
WORKDIR /build
# The restore layer changes only with the project files and their locks.
COPY global.json Directory.Build.props Directory.Build.targets Directory.Packages.props ./
COPY src/Directory.Build.props src/
COPY src/NodeAgent.Repository/*.csproj src/NodeAgent.Repository/packages.lock.json src/NodeAgent.Repository/
COPY src/NodeAgent.Stores/*.csproj src/NodeAgent.Stores/packages.lock.json src/NodeAgent.Stores/
COPY src/NodeAgent.Filesystem/*.csproj src/NodeAgent.Filesystem/packages.lock.json src/NodeAgent.Filesystem/
COPY src/NodeAgent.Kubernetes/*.csproj src/NodeAgent.Kubernetes/packages.lock.json src/NodeAgent.Kubernetes/
COPY src/NodeAgent.Hosting/*.csproj src/NodeAgent.Hosting/packages.lock.json src/NodeAgent.Hosting/
COPY src/NodeAgent.Agent/*.csproj src/NodeAgent.Agent/packages.lock.json src/NodeAgent.Agent/
COPY src/NodeAgent.Controller/*.csproj src/NodeAgent.Controller/packages.lock.json src/NodeAgent.Controller/
COPY src/NodeAgent.Cli/*.csproj src/NodeAgent.Cli/packages.lock.json src/NodeAgent.Cli/
RUN dotnet restore --locked-mode src/NodeAgent.Cli
COPY .editorconfig ./
COPY src/ src/
COPY daemonset/ daemonset/
# Portable, so that one build serves amd64 and arm64: no host of its own, which would be of one platform. The symbols stay, since
# with them a stack trace in a log names lines. Nor is it compiled ahead: of the quarter of a second until it answers that would save
# less than a third, for a program of one platform that is twice as large. The analyzers had their say where the change was made.
RUN dotnet publish src/NodeAgent.Cli -c Release --no-restore -p:UseAppHost=false -p:RunAnalyzers=false -o /app

FROM ${RUNTIME_IMAGE}
# Before the program, so that these layers stay when it changes. /nodeagent is one command for all pods: the init container of
# restored pods has no entry point of its own. Without libzstd it would compress all the same, slower.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libzstd1 libargon2-1 \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log \
 && printf '#!/bin/sh\nexec dotnet /app/nodeagent.dll "$@"\n' > /nodeagent && chmod 755 /nodeagent
COPY --from=build /app /app
# The controller runs as this user; the agent's DaemonSet asks for root with the few capabilities that it needs.
USER 1654
ENTRYPOINT ["/nodeagent"]
