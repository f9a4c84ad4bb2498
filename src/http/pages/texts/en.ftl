# Every text of the pages. One file per language; a test holds that they have the same messages with the same variables.

unnamed-application = the application
show-password = Show
hide-password = Hide
typed-length = { $count } of at least { $min } characters
long-enough = Long enough. Words that do not belong together are best.

sign-in-title = Sign in
sign-in-to = to go on to { $client }
username = Username
password = Password
sign-in = Sign in
sign-in-wrong = The username or the password is wrong.
sign-in-throttled = There were too many attempts. Wait a while, then try again.
sign-in-busy = Many people are signing in just now. Try again in a moment.

select-account-title = Which account?
select-account-lead = { $client } asks which account you want to go on with.
select-account-continue = Go on as { $username }
select-account-switch = Use another account

consent-title = Allow { $client }?
consent-lead = You are signed in as { $username }. { $client } would like to:
consent-allow = Allow
consent-deny = Do not allow
consent-switch = Use another account
scope-openid = know who you are
scope-profile = see your name and profile
scope-email = see your e-mail address
scope-address = see your postal address
scope-phone = see your phone number
scope-offline_access = act for you also while you are away
scope-other = use { $scope }

form-post-title = One moment
form-post-lead = You are being sent back to { $client }.
form-post-submit = Go on

logout-title = Sign out?
logout-lead = You will be signed out here and in the applications that use this sign-in.
logout-yes = Sign out
logout-no = Stay signed in
signed-out-title = You are signed out
signed-out-text = You can close this page.
stayed-title = You are still signed in
stayed-text = You can close this page, or go back.

setup-title = Set up Doorward
setup-lead = You are about to become this service’s first operator, who may do everything here. This link works once.
setup-username-hint = Letters, digits and _ - . + @
setup-name = Your name (optional)
setup-email = E-mail (optional)
setup-password-hint = At least { $min } characters; a few words in a row are easy to remember
setup-submit = Become the first operator
setup-username-wrong = Use 1 to 128 letters without accents, digits, or _ - . + @, beginning with a letter or digit.
setup-username-taken = Somebody has this name already.
setup-name-wrong = Use at most 200 characters.
setup-email-wrong = Write something like name@example.com.
password-too-short = Use at least { $min } characters; a few words in a row are easy to remember.
password-too-long = Use at most { $max } characters.
password-too-common = This one would be guessed early. Add words that do not belong together.
setup-done-title = Doorward is ready
setup-done-text = { $username } is now the first operator (sub { $sub }) and holds the role admin.
setup-done-next = Go on with the command line on the server: “doorward --help” shows how to register a resource server, a client and people.

error-detail = For whoever looks after the application: { $detail }
error-bad-request-title = That did not work
error-bad-request-text = What your browser sent could not be read. Go back and try again.
error-expired-title = This sign-in is over
error-expired-text = It took too long, was finished already, or was begun in another browser. Go back to the application and begin again.
error-not-ours-title = That form did not come from here
error-not-ours-text = Go back to the application and begin again.
error-busy-title = Not just now
error-busy-text = The service is not able to answer at this moment. Try again soon.
error-fault-title = Something went wrong here
error-fault-text = It is not your fault. Try again in a moment.
error-setup-spent-title = This link no longer works
error-setup-spent-text = It was used, has expired, or a newer one has replaced it. Start the server again to get a new one.
error-untrusted-title = This request cannot be trusted
error-untrusted-text = The application that sent you here made a mistake, or somebody else made this link. Nothing was done.
error-other-person-title = Somebody else has signed in
error-other-person-text = Another person signed in in this browser meanwhile. Go back and look again before you agree.
error-not-found-title = There is nothing here
error-not-found-text = The address may be mistyped, or what was here is gone.
error-logout-mismatch-title = That did not work
error-logout-mismatch-text = The application asked to sign you out with the proof of another application. You are still signed in.
