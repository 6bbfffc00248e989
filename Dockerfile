# The command authstore, alone in an image: docker build -t authstore .
#
#   docker run -p 8080:8080 -e AUTHSTORE_URL=… -e AUTHSTORE_SECRET=… authstore
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /authstore ./cmd/authstore

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /authstore /authstore
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/authstore"]
CMD ["serve", "--addr", ":8080"]
